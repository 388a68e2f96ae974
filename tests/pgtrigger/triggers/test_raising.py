"""The statements that raise a rule's error: which row they name, and where they search."""

import pytest
from psycopg import sql

import pgtrigger
from pgtrigger.errors import Detail
from pgtrigger.sql.function_body import Body
from pgtrigger.triggers import raising
from pgtrigger.triggers.raising import Refusal
from pgtrigger.vocabulary.columns import TRANSITION_TABLES
from tests.pgtrigger.models import Plain

INSERT, UPDATE, DELETE = pgtrigger.Insert, pgtrigger.Update, pgtrigger.Delete
OLD, NEW = "old", "new"


def refusal(**options):
    return Refusal(
        **{
            **{"rule": "protect", "uri": "a.B:c", "name": "c", "hint": "Do not."},
            "message": lambda rows: sql.Literal("no"),
            **options,
        }
    )


@pytest.mark.parametrize(
    ("operations", "sides"),
    [
        (INSERT, [NEW]),
        (UPDATE, [OLD, NEW]),
        (DELETE, [OLD]),
        (INSERT | UPDATE, [OLD, NEW]),
        (INSERT | DELETE, [OLD, NEW]),
        (UPDATE | DELETE, [OLD, NEW]),
        (pgtrigger.Truncate, []),
        (pgtrigger.Truncate | DELETE, []),
    ],
)
def test_operations_have_the_old_and_the_new_row(operations, sides):
    assert raising.sides_of(operations) == sides


@pytest.mark.parametrize(
    ("condition", "sides"),
    [
        (None, [OLD]),
        (pgtrigger.Condition("true"), [OLD, NEW]),
        (pgtrigger.Q(new__number=1), [NEW]),
        (pgtrigger.Q(old__number=1), [OLD]),
        (pgtrigger.AnyChange("number"), [OLD, NEW]),
        (pgtrigger.Q(), [OLD, NEW]),
    ],
)
def test_only_the_rows_that_the_condition_reads_are_searched(condition, sides):
    assert raising.sides_to_search([OLD, NEW], condition, Plain) == sides


class TestRow:
    @pytest.mark.parametrize(
        ("operations", "key"),
        [
            (INSERT, 'NEW."id"'),
            (UPDATE, 'OLD."id"'),
            (UPDATE | DELETE, 'OLD."id"'),
            (INSERT | UPDATE, 'COALESCE(OLD."id", NEW."id")'),
        ],
    )
    def test_the_error_names_the_row_by_the_key_that_it_has(self, operations, key):
        raised = raising.raise_for_row(refusal(), Plain, operations).as_string()
        assert f"'key', pg_catalog.json_build_object('id', {key})" in raised

    def test_truncate_has_no_row(self):
        raised = raising.raise_for_row(refusal(), Plain, pgtrigger.Truncate).as_string()
        assert "'key'" not in raised
        assert "'operation', TG_OP" in raised

    @pytest.mark.parametrize("column", [None, lambda rows: sql.Literal("number")])
    def test_the_error_names_the_column_of_a_rule_about_one(self, column):
        raised = raising.raise_for_row(refusal(column=column), Plain, UPDATE).as_string()
        assert ("COLUMN = 'number'" in raised) is bool(column)


class TestStatement:
    def test_the_error_of_a_statement_names_no_row(self):
        raised = raising.raise_for_statement(refusal(), Plain).as_string()
        assert "'key'" not in raised
        assert "MESSAGE = 'no'" in raised

    @pytest.mark.parametrize("detail", [None, Detail(field=sql.Literal("number"))])
    def test_the_column_is_named_if_the_statement_has_a_detail(self, detail):
        declared = refusal(column=lambda rows: sql.Literal("number"), statement_detail=detail)
        raised = raising.raise_for_statement(declared, Plain).as_string()
        assert ("COLUMN = 'number'" in raised) is bool(detail)
        assert ("'field', 'number'" in raised) is bool(detail)


class TestTransitionRows:
    def search(self, condition, sides, **options):
        body = raising.raise_for_transition_rows(
            refusal(**options), Plain, UPDATE, condition, TRANSITION_TABLES, sides
        )
        assert isinstance(body, Body)
        return str(body)

    def test_one_table_is_searched_directly(self):
        text = self.search(pgtrigger.Q(new__number=1), [NEW])
        assert text.startswith("SELECT 'no' AS message, pg_catalog.json_build_object(")
        assert ' FROM new_values WHERE new_values."number" = 1 LIMIT 1 INTO ' in text
        assert "EXECUTE" not in text

    def test_the_users_text_is_run_by_execute(self):
        text = self.search(pgtrigger.Condition("NEW.number = 1"), [NEW])
        assert text.startswith("EXECUTE ")

    def test_without_a_condition_the_first_row_is_refused(self):
        assert "FROM old_values WHERE true LIMIT 1" in self.search(None, [OLD])

    def test_two_tables_are_paired(self):
        text = self.search(pgtrigger.AnyChange("number"), [OLD, NEW])
        assert text.count("EXECUTE ") == 2
        assert "FROM old_values, new_values WHERE" in text

    @pytest.mark.parametrize("column", [None, lambda rows: sql.Literal("number")])
    def test_the_column_is_selected_with_the_row(self, column):
        text = self.search(pgtrigger.Q(new__number=1), [NEW], column=column)
        assert (" AS column_name" in text) is bool(column)
        assert ("COLUMN = pgtrigger_refusal.column_name" in text) is bool(column)
        assert "IF pgtrigger_refusal.detail IS NOT NULL THEN" in text

    def test_a_reporting_rule_records_and_does_not_raise(self):
        text = self.search(pgtrigger.Q(new__number=1), [NEW], reports=True)
        assert "INSERT INTO " in text
        assert "RAISE" not in text
        assert text.endswith("\nRETURN NULL;")
        assert "EXECUTE" not in text
        by_text = self.search(pgtrigger.Condition("NEW.number = 1"), [NEW], reports=True)
        assert by_text.startswith("EXECUTE ")

    def test_a_reporting_rule_plans_a_join_each_time(self):
        text = self.search(pgtrigger.AnyChange("number"), [OLD, NEW], reports=True)
        assert text.count("EXECUTE ") == 2
        assert text.count("INSERT INTO ") == 3


def test_a_refusal_is_given_by_name_and_cannot_be_changed():
    with pytest.raises(TypeError):
        Refusal("protect", "a.B:c", "c", "Do not.", lambda rows: sql.Literal("no"))
    with pytest.raises(AttributeError):
        refusal().rule = "other"
    assert refusal().reports is False
