"""``manage.py pgtrigger lint``."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import connection, models

import pgtrigger
from pgtrigger import linting

pytestmark = pytest.mark.django_db


def before(name, func, **options):
    options.setdefault("operation", pgtrigger.Update)
    return pgtrigger.Trigger(name=name, when=pgtrigger.Before, func=func, **options)


@pytest.fixture
def found(make_model):
    """``found(*triggers)``: the ids of the findings, and the names of their triggers."""

    def lint(*triggers, extension=False, **fields):
        model = make_model(
            number=models.IntegerField(default=0),
            text=models.CharField(max_length=9, default=""),
            triggers=triggers,
            **fields,
        )
        uris = [trigger.get_uri(model) for trigger in triggers]
        return [
            (each.id.removeprefix("pgtrigger."), each.uri.rpartition(":")[2])
            for each in linting.lint(*uris)
            if (each.id == "pgtrigger.L005") == extension
        ]

    return lint


SET = "NEW.number := 1; RETURN NEW;"


def test_a_trigger_that_does_not_see_what_a_later_one_sets(found):
    guard = pgtrigger.Protect(
        name="a_guard", operation=pgtrigger.Update, condition=pgtrigger.Q(new__number__lt=0)
    )
    assert found(guard, before("b_set", SET)) == [("L001", "a_guard")]


def test_two_triggers_that_set_one_field(found):
    assert found(before("a", SET), before("b", SET, writes=["number"])) == [("L001", "a")]


def test_a_guard_that_fires_after_the_field_was_set_is_fine(found):
    guard = pgtrigger.Protect(
        name="z_guard", operation=pgtrigger.Update, condition=pgtrigger.Q(new__number__lt=0)
    )
    assert found(before("b_set", SET), guard) == []


def test_triggers_of_other_operations_or_fields_are_fine(found):
    other = "NEW.\"text\" = 'x'; RETURN NEW;"
    insert = before("c", SET, operation=pgtrigger.Insert)
    assert found(before("a", SET), before("b", other), insert) == []


def test_a_function_without_return(found):
    assert found(before("a", "NEW.number := 1; -- RETURN NEW;")) == [("L002", "a")]


def test_a_function_that_writes_its_own_table(found):
    func = pgtrigger.Func("UPDATE {meta.db_table} SET number = 1; RETURN NULL;")
    after = pgtrigger.Trigger(name="a", when=pgtrigger.After, operation=pgtrigger.Insert, func=func)
    ended = pgtrigger.Trigger(
        name="b",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        func=pgtrigger.Func(
            "IF pg_trigger_depth() = 1 THEN UPDATE {meta.db_table} SET number = 1; END IF;"
            " RETURN NULL;"
        ),
    )
    assert found(after, ended) == [("L003", "a")]


def test_a_rule_on_a_foreign_key_without_an_index(found, make_model):
    team = make_model(size=models.IntegerField(default=0))
    bare = models.ForeignKey(team, models.CASCADE, db_index=False)
    assert found(pgtrigger.AtMost(3, per="team"), team=bare) == [
        ("L004", "at_most_3_per_team"),
        ("L004", "at_most_3_per_team_update"),
    ]
    indexed = models.ForeignKey(team, models.CASCADE)
    assert found(pgtrigger.AtMost(3, per="team"), team=indexed) == []


def test_the_ready_made_rules_have_no_findings(found, make_model):
    team = make_model(size=models.IntegerField(default=0))
    assert (
        found(
            pgtrigger.Version("version"),
            pgtrigger.Touch("touched_at"),
            pgtrigger.SoftDelete(name="soft", field="deleted_at"),
            pgtrigger.Count("team.size"),
            pgtrigger.NoCycle("parent"),
            pgtrigger.Requires("team__size", 0),
            pgtrigger.FSM(name="fsm", field="text", transitions=[("", "a")], initial=[""]),
            team=models.ForeignKey(team, models.CASCADE),
            parent=models.ForeignKey("self", models.CASCADE, null=True),
            version=models.IntegerField(default=0),
            touched_at=models.DateTimeField(null=True),
            deleted_at=models.DateTimeField(null=True),
        )
        == []
    )


def test_the_command_prints_the_findings_and_fails(make_model):
    model = make_model(triggers=[before("a", "PERFORM 1;")])
    uri = f"{model._meta.label}:a"
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("pgtrigger", "lint", uri, "--format", "json", stdout=out)
    finding = json.loads(out.getvalue())[0]
    assert (finding["id"], finding["uri"]) == ("pgtrigger.L002", uri)
    assert finding["reason"]
    assert finding["remedy"]


def test_what_plpgsql_check_reports(found):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'plpgsql_check'")
        if not cursor.fetchone():
            pytest.skip("the server does not have the extension plpgsql_check")
    wrong = before("a", "NEW.nothing := 1; RETURN NEW;")
    assert found(wrong, extension=True) == [("L005", "a")]
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'plpgsql_check'")
        assert cursor.fetchone() is None


class TestVirtualColumns:
    @pytest.fixture
    def found_of(self, make_model):
        def lint(**options):
            trigger = pgtrigger.Trigger(
                name="virtual",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                **{"func": "RETURN NULL;"} | options,
            )
            model = make_model(
                number=models.IntegerField(default=0),
                double=models.GeneratedField(
                    expression=models.F("number") * 2,
                    output_field=models.IntegerField(),
                    db_persist=False,
                ),
                triggers=[trigger],
                table=False,
            )
            return [each.id for each in linting.lint(trigger.get_uri(model))]

        return lint

    @pytest.mark.parametrize("text", ["NEW.double > 10", 'OLD."double" > 10', "new.double IS NULL"])
    def test_sql_of_a_condition_reads_null(self, found_of, text):
        assert found_of(condition=pgtrigger.Condition(text)) == ["pgtrigger.L006"]

    def test_a_function_reads_null(self, found_of):
        func = "IF NEW.double > 10 THEN RAISE 'x'; END IF; RETURN NULL;"
        assert found_of(func=func) == ["pgtrigger.L006"]

    def test_a_q_has_the_expression_in_its_place(self, found_of):
        assert found_of(condition=pgtrigger.Q(new__double__gt=10)) == []

    def test_another_column_is_no_finding(self, found_of):
        assert found_of(condition=pgtrigger.Condition("NEW.double_2 > NEW.number")) == []
