"""The properties of conditions and of the conditions that are made of them."""

import pytest
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

import pgtrigger
from pgtrigger.errors import DeclarationError
from pgtrigger.vocabulary.columns import TRANSITION_TABLES, Rows
from pgtrigger.vocabulary.conditions import NotTrue, conjuncts, of_side
from tests.pgtrigger.models import Plain

TEXT = pgtrigger.Condition("NEW.number > 1")
Q = pgtrigger.Q(old__number=1)
RAW_VALUE = pgtrigger.Q(new__number=RawSQL("1", (), IntegerField()))
CHANGE = pgtrigger.AnyChange("number")
ANY = pgtrigger.AnyChange()

BOTH = {"old", "new"}
# A condition, whether SQL that nobody compiled is in it, whether it is the user's text, its sides.
PROPERTIES = [
    (TEXT, True, True, set()),
    (~TEXT, True, True, set()),
    (NotTrue(TEXT), True, True, set()),
    (Q, False, False, {"old"}),
    (~Q, False, False, {"old"}),
    (NotTrue(Q), False, False, {"old"}),
    (RAW_VALUE, True, False, {"new"}),
    (~RAW_VALUE, True, False, {"new"}),
    (NotTrue(RAW_VALUE), True, False, {"new"}),
    (CHANGE, False, False, BOTH),
    (~CHANGE, False, False, BOTH),
    (Q & TEXT, True, True, {"old"}),
    (CHANGE | Q, False, False, BOTH),
    (CHANGE & RAW_VALUE, True, False, BOTH),
    (~(CHANGE | Q), False, False, BOTH),
]


@pytest.mark.parametrize(("condition", "is_raw", "is_text", "sides"), PROPERTIES)
def test_a_condition_knows_its_sql_and_its_sides(condition, is_raw, is_text, sides):
    assert condition.is_raw(Plain) is is_raw
    assert condition.is_text() is is_text
    assert condition.sides(Plain) == sides


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda condition: condition,
        lambda condition: condition & Q,
        lambda condition: TEXT | condition,
        lambda condition: ~(condition & TEXT),
        NotTrue,
    ],
)
def test_only_a_comparison_without_fields_gets_some(wrapped):
    assert wrapped(ANY).over(["number"]) == wrapped(CHANGE)
    assert wrapped(pgtrigger.AnyChange("text")).over(["number"]) == wrapped(
        pgtrigger.AnyChange("text")
    )


def test_a_comparison_over_fields_keeps_what_it_excludes():
    condition = pgtrigger.AllChange(exclude=["text"], exclude_auto=True)
    over = condition.over(["number", "text"])
    assert over == pgtrigger.AllChange("number", "text", exclude=["text"], exclude_auto=True)
    assert condition.fields == ()


class TestEquality:
    def test_conditions_of_one_class_and_content_are_equal(self):
        assert pgtrigger.Condition("a") == pgtrigger.Condition("a")
        assert hash(pgtrigger.Condition("a")) == hash(pgtrigger.Condition("a"))
        assert pgtrigger.Condition("a") != pgtrigger.Condition("b")

    def test_conditions_of_two_classes_differ(self):
        assert pgtrigger.AnyChange("number") != pgtrigger.AllChange("number")

    def test_a_condition_is_not_equal_to_its_text(self):
        assert pgtrigger.Condition("a") != "a"

    def test_a_condition_shows_its_arguments(self):
        assert repr(pgtrigger.Condition("a")) == "Condition(sql='a')"


class TestCombinations:
    @pytest.mark.parametrize("other", [1, "NEW.a", None])
    def test_a_condition_combines_with_conditions_only(self, other):
        with pytest.raises(TypeError):
            TEXT & other
        with pytest.raises(TypeError):
            TEXT | other

    def test_a_condition_without_sql_is_rejected(self):
        with pytest.raises(DeclarationError, match="found none"):
            pgtrigger.Condition("")

    def test_a_subclass_may_have_its_sql_as_an_attribute(self):
        class Always(pgtrigger.Condition):
            sql = "true"

        assert Always().resolve(Plain) == "true"

    def test_negation_moves_to_the_parts(self):
        assert (~(CHANGE & TEXT)).resolve(Plain) == (
            '(NOT (OLD."number" IS DISTINCT FROM (NEW."number"))) OR (NOT (NEW.number > 1))'
        )
        assert (~(CHANGE | TEXT)).resolve(Plain).count(" AND ") == 1

    def test_not_true_is_true_of_null(self):
        assert NotTrue(TEXT).resolve(Plain) == "(NEW.number > 1) IS NOT TRUE"


class TestText:
    def test_text_is_rejected_where_the_rows_have_other_names(self):
        with pytest.raises(DeclarationError, match="SQL on the rows OLD and NEW"):
            TEXT.render(Plain, TRANSITION_TABLES)

    def test_text_gets_the_rows_that_it_may_read(self):
        rows = Rows("old_values", "new_values", for_text=("old", "new"))
        assert TEXT.render(Plain, rows) == (
            '(SELECT (NEW.number > 1) FROM (SELECT old_values.*) AS "old", '
            '(SELECT new_values.*) AS "new")'
        )


class TestFields:
    @pytest.mark.parametrize(
        ("class_", "operator", "connector"),
        [
            (pgtrigger.AnyChange, "IS DISTINCT FROM", " OR "),
            (pgtrigger.AllChange, "IS DISTINCT FROM", " AND "),
            (pgtrigger.AnyDontChange, "IS NOT DISTINCT FROM", " OR "),
            (pgtrigger.AllDontChange, "IS NOT DISTINCT FROM", " AND "),
        ],
    )
    def test_fields_are_compared_one_by_one(self, class_, operator, connector):
        compared = [f'OLD."{name}" {operator} (NEW."{name}")' for name in ("nullable", "number")]
        assert class_("number", "nullable").resolve(Plain) == f"({connector.join(compared)})"
        assert class_("number").resolve(Plain) == compared[1]

    @pytest.mark.parametrize(
        "kwargs", [{"exclude": ["number"]}, {"exclude_auto": True}, {"exclude": ["pk"]}]
    )
    def test_excluded_fields_are_not_compared(self, kwargs):
        compared = {field.name for field in pgtrigger.AnyChange(**kwargs).compared_fields(Plain)}
        every = {field.name for field in Plain._meta.local_concrete_fields}
        gone = {
            "exclude": {{"pk": "id"}.get(name, name) for name in kwargs.get("exclude", ())},
            "exclude_auto": {"created_at", "updated_at"} & every,
        }
        assert compared == every - set().union(*(gone[name] for name in kwargs))

    def test_nothing_to_compare_is_rejected(self):
        with pytest.raises(DeclarationError, match="leaves no field of"):
            pgtrigger.AnyChange("number", exclude=["number"]).resolve(Plain)


class TestOfSide:
    def test_a_condition_on_a_model_becomes_one_on_a_row(self):
        condition = pgtrigger.Q(number=1) | ~pgtrigger.Q(text="a", nullable=2)
        assert of_side(condition, "new") == (
            pgtrigger.Q(new__number=1) | ~pgtrigger.Q(new__text="a", new__nullable=2)
        )

    def test_anything_but_a_lookup_is_rejected(self):
        with pytest.raises(DeclarationError, match="compares fields with values"):
            of_side(pgtrigger.Q(RawSQL("true", ())), "new")


class TestConjuncts:
    def test_parts_of_parts_are_parts(self):
        condition = (CHANGE & TEXT) & pgtrigger.Q(old__number=1, new__number=2)
        assert conjuncts(condition) == [
            *(CHANGE, TEXT),
            *(pgtrigger.Q(new__number=2), pgtrigger.Q(old__number=1)),
        ]

    @pytest.mark.parametrize("condition", [CHANGE | TEXT, ~Q, TEXT, NotTrue(Q), ~(CHANGE | TEXT)])
    def test_a_whole_is_one_part(self, condition):
        expected = 2 if condition == ~(CHANGE | TEXT) else 1
        assert len(conjuncts(condition)) == expected
