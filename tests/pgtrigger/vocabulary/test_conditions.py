"""Conditions: the SQL they render to, and what is refused when a model is loaded."""

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db import models as fields
from django.db.models import Exists, Subquery
from django.db.models.functions import Coalesce, Lower, Now

import pgtrigger
from pgtrigger.triggers import registry
from pgtrigger.vocabulary.columns import TRANSITION_TABLES
from pgtrigger.vocabulary.conditions import conjuncts
from project.models import User
from tests.pgtrigger import models
from tests.pgtrigger.models import Plain

OF_A_ROW = Subquery(Plain.objects.values("number")[:1])


class TestRendering:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (pgtrigger.Condition("OLD.x = '%{y}'"), "OLD.x = '%{y}'"),
            (pgtrigger.Q(old__number=1), 'OLD."number" = 1'),
            (pgtrigger.Q(new__number__gt=-1), 'NEW."number" >  -1'),
            (
                pgtrigger.Q(old__number__df=pgtrigger.F("new__number")),
                'OLD."number" IS DISTINCT FROM (NEW."number")',
            ),
            (
                pgtrigger.Q(old__number__ndf=pgtrigger.F("new__number")),
                'OLD."number" IS NOT DISTINCT FROM (NEW."number")',
            ),
            (pgtrigger.Q(old__nullable__df=None), 'OLD."nullable" IS DISTINCT FROM NULL'),
            (pgtrigger.Q(old__json__df=None), 'OLD."json" IS DISTINCT FROM NULL'),
            (~pgtrigger.Q(old__number=1), 'NOT (OLD."number" = 1)'),
            (~pgtrigger.Q(old__nullable=1), 'NOT ((OLD."nullable" = 1) IS TRUE)'),
            (~pgtrigger.Q(old__nullable__df=1), 'NOT (OLD."nullable" IS DISTINCT FROM 1)'),
            (pgtrigger.Q(), "true"),
            (pgtrigger.Q(old__number__in=[]), "false"),
            (~pgtrigger.Q(old__number__in=[]), "true"),
            (pgtrigger.Q(new__number__gt=2**40), "false"),
            (pgtrigger.Q(old__nullable=None), 'OLD."nullable" IS NULL'),
            (pgtrigger.Q(old__nullable__isnull=False), 'OLD."nullable" IS NOT NULL'),
            (pgtrigger.Q(old__number__in=[1, 2]), 'OLD."number" IN (1, 2)'),
            (pgtrigger.Q(old__text="it's %s {x}"), "OLD.\"text\" = 'it''s %s {x}'"),
            (pgtrigger.Q(old__text="back\\slash"), "OLD.\"text\" =  E'back\\\\slash'"),
            (pgtrigger.Q(old__parent=3), 'OLD."parent_id" = 3'),
            (pgtrigger.Q(old__parent_id=3), 'OLD."parent_id" = 3'),
            (pgtrigger.Q(old__parent__pk=3), 'OLD."parent_id" = 3'),
            (
                pgtrigger.Q(old__parent__df=pgtrigger.F("new__parent")),
                'OLD."parent_id" IS DISTINCT FROM (NEW."parent_id")',
            ),
            (pgtrigger.Q(old__pk=3), 'OLD."id" = 3'),
            (pgtrigger.Q(new__renamed=1), 'NEW."odd column {x} \\ 🦉" = 1'),
            (pgtrigger.Q(new__created_at__gt=Now()), 'NEW."created_at" > (STATEMENT_TIMESTAMP())'),
            (
                pgtrigger.Q(new__number__gt=pgtrigger.F("old__number") + 1),
                'NEW."number" > (OLD."number" + 1)',
            ),
            (
                pgtrigger.Q(new__text=Lower(pgtrigger.F("new__text"))),
                'NEW."text" = (LOWER(NEW."text"))',
            ),
            (pgtrigger.AnyChange(), "OLD.* IS DISTINCT FROM NEW.*"),
            (pgtrigger.AllDontChange(), "OLD.* IS NOT DISTINCT FROM NEW.*"),
            (pgtrigger.AnyChange("number"), 'OLD."number" IS DISTINCT FROM (NEW."number")'),
            (
                pgtrigger.AnyChange("text", "number"),
                '(OLD."number" IS DISTINCT FROM (NEW."number")'
                ' OR OLD."text" IS DISTINCT FROM (NEW."text"))',
            ),
            (
                pgtrigger.AllChange("text", "number"),
                '(OLD."number" IS DISTINCT FROM (NEW."number")'
                ' AND OLD."text" IS DISTINCT FROM (NEW."text"))',
            ),
            (
                pgtrigger.AnyDontChange("text", "number"),
                '(OLD."number" IS NOT DISTINCT FROM (NEW."number")'
                ' OR OLD."text" IS NOT DISTINCT FROM (NEW."text"))',
            ),
            (
                pgtrigger.AnyChange(
                    exclude=["json", "text", "nullable", "parent", "renamed", "id"],
                    exclude_auto=True,
                ),
                'OLD."number" IS DISTINCT FROM (NEW."number")',
            ),
        ],
    )
    def test_a_condition_renders_to(self, condition, expected):
        assert condition.resolve(Plain) == expected

    def test_f_names_its_column(self):
        assert pgtrigger.F("old__number").resolved_name == 'OLD."number"'

    def test_the_same_tree_renders_for_transition_tables(self):
        condition = pgtrigger.AnyChange("number") & pgtrigger.Q(old__number=1)
        assert condition.render(Plain, TRANSITION_TABLES) == (
            '(((old_values."number" OPERATOR(pg_catalog.=) new_values."number") IS NOT TRUE'
            ' AND (old_values."number" IS NOT NULL OR new_values."number" IS NOT NULL)))'
            ' AND (old_values."number" = 1)'
        )

    def test_a_condition_of_any_model_can_be_rendered(self):
        assert pgtrigger.Q(old__is_active=True).resolve(User) == 'OLD."is_active"'


IS_ONE = pgtrigger.Q(old__number=1)
NUMBER_CHANGES = pgtrigger.AnyChange("number")
TEXT_CHANGES = pgtrigger.AnyChange("text")
FLAG_IS_SET = pgtrigger.Condition("NEW.boolean")
# Each condition beside the same condition in Python, over an old and a new row.
TERMS = [
    (IS_ONE, lambda old, new: old["number"] == 1),
    (NUMBER_CHANGES, lambda old, new: old["number"] != new["number"]),
    (TEXT_CHANGES, lambda old, new: old["text"] != new["text"]),
    (FLAG_IS_SET, lambda old, new: new["boolean"]),
    (~TEXT_CHANGES, lambda old, new: old["text"] == new["text"]),
    (~FLAG_IS_SET, lambda old, new: not new["boolean"]),
    (
        IS_ONE & TEXT_CHANGES,
        lambda old, new: old["number"] == 1 and old["text"] != new["text"],
    ),
    (
        TEXT_CHANGES | FLAG_IS_SET,
        lambda old, new: old["text"] != new["text"] or new["boolean"],
    ),
]


@pytest.mark.django_db
class TestCombining:
    ROWS = [
        {"number": number, "text": text, "boolean": boolean}
        for number in (1, 2)
        for text in ("a", "b")
        for boolean in (True, False)
    ]

    def truth(self, condition) -> list[bool]:
        """Return the condition's value in PostgreSQL, for every old and new row."""
        values = ", ".join(
            f"({row['number']}, '{row['text']}', {row['boolean']})" for row in self.ROWS
        )
        rows = f"(VALUES {values}) AS {{}} (number, text, boolean)"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {condition.resolve(Plain)} FROM {rows.format('old')},"
                f" {rows.format('new')} ORDER BY old, new"
            )
            return [value for (value,) in cursor]

    def expected(self, holds) -> list[bool]:
        rows = sorted(self.ROWS, key=lambda row: tuple(row.values()))
        return [bool(holds(old, new)) for old in rows for new in rows]

    @pytest.mark.parametrize("left", TERMS)
    @pytest.mark.parametrize("right", TERMS)
    def test_and_or_and_not_mean_what_they_mean_in_python(self, left, right):
        (first, one), (second, other) = left, right
        for combined, holds in [
            (first & second, lambda old, new: one(old, new) and other(old, new)),
            (first | second, lambda old, new: one(old, new) or other(old, new)),
            (~(first & second), lambda old, new: not (one(old, new) and other(old, new))),
            (~(first | second), lambda old, new: not (one(old, new) or other(old, new))),
        ]:
            assert self.truth(combined) == self.expected(holds)

    Q = IS_ONE

    def test_a_q_stays_a_q_among_its_own(self):
        assert isinstance(self.Q & ~self.Q, pgtrigger.Q)
        assert (self.Q | self.Q).resolve(Plain) == '(OLD."number" = 1 OR OLD."number" = 1)'


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        (pgtrigger.Q(number=1), "must start with"),
        (pgtrigger.Q(old__nope=1), "no field named 'nope'"),
        (pgtrigger.AnyChange("nope"), "no field named 'nope'"),
        (pgtrigger.AnyChange(exclude=["nope"]), "no field named 'nope'"),
        (pgtrigger.Q(old__friends=1), "many-to-many field"),
        (pgtrigger.Q(old__parent__text="x"), "follows a relation"),
        (pgtrigger.Q(old__number__nope=1), "cannot be compiled"),
        (pgtrigger.Q(old__number=fields.F("number")), "must start with"),
        (pgtrigger.Q(old__number__in=Plain.objects.all()), "query"),
        (pgtrigger.Q(Exists(Plain.objects.all())), "query"),
        (pgtrigger.Q(old__number=pgtrigger.F("new__number") + OF_A_ROW), "query"),
        (pgtrigger.Q(old__number=Coalesce(OF_A_ROW, 1)), "query"),
        (pgtrigger.Q(old__number__in=[1, OF_A_ROW]), "query"),
        (pgtrigger.Q(old__number=fields.Count(pgtrigger.F("new__number"))), "aggregate"),
        (pgtrigger.Q(old__number=fields.Window(fields.Count("*"))), "Window"),
    ],
)
def test_what_cannot_be_compiled_is_refused_with_the_reason(condition, reason):
    trigger = pgtrigger.Protect(name="x", operation=pgtrigger.Update, condition=condition)
    with pytest.raises(pgtrigger.DeclarationError, match=reason):
        trigger.compile(Plain)


def test_an_unknown_field_is_also_what_django_calls_it():
    with pytest.raises(FieldDoesNotExist):
        pgtrigger.AnyChange("nope").resolve(Plain)


def test_a_column_of_a_parents_table_is_refused():
    with pytest.raises(pgtrigger.DeclarationError, match="ConcreteParent, its parent"):
        pgtrigger.AnyChange("name").resolve(models.ConcreteChild)


@pytest.mark.django_db
class TestNegating:
    """A negated Q is true where a column is NULL, as it is in a filter."""

    STATUS = pgtrigger.Q(old__status="draft")

    @pytest.fixture(params=[pgtrigger.Row, pgtrigger.Statement])
    def level(self, request):
        return request.param

    @pytest.mark.parametrize(
        "condition",
        [
            ~STATUS,
            ~(STATUS & pgtrigger.AnyChange("number")),
            ~(STATUS | pgtrigger.AllDontChange("number")),
            ~pgtrigger.Q(old__status=pgtrigger.F("new__text")),
            ~pgtrigger.Q(old__data__status="draft"),
        ],
    )
    def test_null_is_not_the_value(self, make_model, level, condition):
        model = make_model(
            number=fields.IntegerField(default=0),
            status=fields.TextField(null=True),
            text=fields.TextField(default="draft"),
            data=fields.JSONField(default=dict),
            triggers=[
                pgtrigger.Protect(
                    name="only_drafts",
                    operation=pgtrigger.Update,
                    level=level,
                    condition=condition,
                )
            ],
        )
        model.objects.create(status=None)
        with pytest.raises(pgtrigger.ProtectedError):
            model.objects.update(number=1)

    def test_the_value_is_the_value(self, make_model, level):
        model = make_model(
            status=fields.TextField(null=True),
            triggers=[
                pgtrigger.Protect(
                    name="only_drafts",
                    operation=pgtrigger.Update,
                    level=level,
                    condition=~self.STATUS,
                )
            ],
        )
        row = model.objects.create(status="draft")
        model.objects.update(status="live")
        row.refresh_from_db()
        assert row.status == "live"


@pytest.mark.django_db
class TestFiring:
    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    @pytest.mark.parametrize("condition", [pgtrigger.Q(), ~pgtrigger.Q(old__number__in=[])])
    def test_a_condition_may_be_constant(self, make_model, level, condition):
        model = make_model(
            number=fields.IntegerField(default=0),
            triggers=[
                pgtrigger.Protect(
                    name="p", operation=pgtrigger.Update, level=level, condition=condition
                )
            ],
        )
        model.objects.create()
        with pytest.raises(pgtrigger.ProtectedError):
            model.objects.update(number=1)

    def test_a_json_key_can_be_looked_up(self, make_model):
        model = make_model(
            data=fields.JSONField(),
            triggers=[
                pgtrigger.Protect(
                    name="locked",
                    operation=pgtrigger.Update,
                    condition=pgtrigger.Q(old__data__locked=True),
                ),
                pgtrigger.Protect(
                    name="kept_key",
                    operation=pgtrigger.Update,
                    condition=pgtrigger.Q(old__data__key__df=pgtrigger.F("new__data__key")),
                ),
            ],
        )
        row = model.objects.create(data={"locked": False, "key": 1})
        row.data = {"locked": True, "key": 1}
        row.save()
        with pytest.raises(pgtrigger.ProtectedError) as caught:
            row.save()
        assert caught.value.trigger == "locked"

    def test_a_transform_can_be_used(self, make_model):
        model = make_model(
            at=fields.DateTimeField(),
            triggers=[
                pgtrigger.Protect(
                    name="old_year",
                    operation=pgtrigger.Insert,
                    condition=pgtrigger.Q(new__at__year__lt=2000),
                )
            ],
        )
        model.objects.create(at="2001-01-01T00:00Z")
        with pytest.raises(pgtrigger.ProtectedError):
            model.objects.create(at="1999-01-01T00:00Z")

    @pytest.mark.parametrize(
        "column",
        ['quo"te', "per%cent", "br{a}ce", "back\\slash", "dol$$lar", "🦉", "a'b", "select"],
    )
    def test_a_hostile_column_is_only_a_column(self, make_model, column):
        """Django makes no such table, so the test does."""
        model = make_model(
            table=False,
            value=fields.CharField(max_length=99, db_column=column),
            triggers=[
                pgtrigger.Protect(
                    name="kept",
                    operation=pgtrigger.Update,
                    condition=pgtrigger.Q(old__value__df=pgtrigger.F("new__value"))
                    & ~pgtrigger.Q(new__value="'; DROP TABLE x; -- $$ $pgtrigger$ %s {0} \\"),
                ),
            ],
            meta={"managed": False, "db_table": f"table {column}".replace('"', "'")},
        )
        from psycopg import sql

        table = sql.Identifier(model._meta.db_table)
        name = sql.Identifier(column)
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("CREATE TABLE {} (id int, {} text)").format(table, name))
            cursor.execute(sql.SQL("INSERT INTO {} VALUES (1, 'a')").format(table))
            trigger = registry.of_model(model)[0]
            trigger.install(model)
            assert trigger.get_installation_status(model) == ("INSTALLED", True)
            cursor.execute(
                sql.SQL("UPDATE {} SET {} = {}").format(
                    table, name, sql.Literal("'; DROP TABLE x; -- $$ $pgtrigger$ %s {0} \\")
                )
            )
            with pytest.raises(pgtrigger.ProtectedError) as caught:
                cursor.execute(sql.SQL("UPDATE {} SET {} = 'b'").format(table, name))
        assert caught.value.table == model._meta.db_table


def test_a_field_of_no_row_is_an_error():
    for name in ("number", "old", "other__number"):
        with pytest.raises(ValueError, match="must start with"):
            pgtrigger.F(name)


class TestConjuncts:
    """The parts that must all be true, which forms read to know what a rule will refuse."""

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (pgtrigger.Q(old__a=1), [pgtrigger.Q(old__a=1)]),
            (pgtrigger.Q(new__b=2, old__a=1), [pgtrigger.Q(new__b=2), pgtrigger.Q(old__a=1)]),
            (
                pgtrigger.Q(old__a=1) & pgtrigger.Q(new__b=2),
                [pgtrigger.Q(old__a=1), pgtrigger.Q(new__b=2)],
            ),
            (
                pgtrigger.Q(pgtrigger.Q(new__b=2, old__a=1)),
                [pgtrigger.Q(new__b=2), pgtrigger.Q(old__a=1)],
            ),
        ],
    )
    def test_a_conjunction_is_its_parts(self, condition, expected):
        assert conjuncts(condition) == expected

    @pytest.mark.parametrize(
        "condition",
        [
            pgtrigger.Q(old__a=1) | pgtrigger.Q(new__b=2),
            ~pgtrigger.Q(old__a=1, new__b=2),
            pgtrigger.AnyChange("a") | pgtrigger.AnyChange("b"),
        ],
    )
    def test_any_other_condition_is_one_part(self, condition):
        assert conjuncts(condition) == [condition]

    def test_conditions_on_changes_are_parts_too(self):
        change = pgtrigger.AnyChange("a")
        assert conjuncts(change & pgtrigger.Q(new__b=2)) == [change, pgtrigger.Q(new__b=2)]
