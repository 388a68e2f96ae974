"""``FSM``: transitions made and refused, and what can be a state."""

import enum

import pytest
from django.db import models as fields
from django.db import transaction

import pgtrigger
from tests.pgtrigger import models
from tests.pgtrigger.concurrent import at_every_level, race, with_connections

pytestmark = pytest.mark.django_db


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


class ColourField(fields.TextField):
    """Takes nothing but colours."""

    def get_prep_value(self, value):
        return value.value


class TestFSM:
    def test_a_listed_transition_is_made(self):
        row = models.Machine.objects.create()
        row.state = models.Machine.State.LIVE
        row.save()
        row.refresh_from_db()
        assert row.state == models.Machine.State.LIVE

    def test_any_other_is_refused(self):
        row = models.Machine.objects.create(state=models.Machine.State.LIVE)
        row.state = models.Machine.State.DRAFT
        with pytest.raises(pgtrigger.InvalidTransitionError) as caught, transaction.atomic():
            row.save()
        error = caught.value
        assert (error.field, error.old, error.new) == ("state", "it's: live", "draft")
        assert error.__cause__.diag.column_name == "state"
        assert str(error).startswith(
            'pgtrigger: Invalid transition of field "state" from "it\'s: live" to "draft" '
            "on table pgtrigger_tests_machine"
        )

    def test_staying_is_no_transition(self):
        models.Machine.objects.create(state="gone").save()
        assert models.Machine.objects.get().state == "gone"

    def test_null_is_a_state(self):
        row = models.Machine.objects.create(state=None)
        with pytest.raises(pgtrigger.InvalidTransitionError) as caught, transaction.atomic():
            models.Machine.objects.update(state="it's: live")
        assert caught.value.old is None
        models.Machine.objects.update(state="draft")
        with pytest.raises(pgtrigger.InvalidTransitionError), transaction.atomic():
            models.Machine.objects.update(state=None)
        row.refresh_from_db()
        assert row.state == "draft"

    def test_a_star_is_any_state(self):
        models.Machine.objects.create(state=None)
        models.Machine.objects.create(state="draft")
        models.Machine.objects.update(state="gone")
        assert models.Machine.objects.filter(state="gone").count() == 2

    def test_states_may_be_of_any_type(self):
        models.Machine.objects.create(step=1)
        models.Machine.objects.update(step=2)
        with pytest.raises(pgtrigger.InvalidTransitionError) as caught, transaction.atomic():
            models.Machine.objects.update(step=1)
        assert (caught.value.old, caught.value.new) == (2, 1)
        models.Machine.objects.update(step=3)
        models.Machine.objects.update(step=None)

    def test_at_statement_level_every_row_is_looked_at(self):
        models.StatementMachine.objects.create(state="a")
        models.StatementMachine.objects.create(state="b")
        with pytest.raises(pgtrigger.InvalidTransitionError) as caught, transaction.atomic():
            models.StatementMachine.objects.update(state="c")
        assert (caught.value.old, caught.value.new) == ("a", "c")


class TestColumns:
    def test_a_type_without_equality_is_refused_when_the_model_is_loaded(self, make_model):
        class PlainJson(fields.JSONField):
            def db_type(self, connection):
                return "json"

        with pytest.raises(pgtrigger.DeclarationError, match="json, which has no equality"):
            make_model(
                state=PlainJson(),
                triggers=[pgtrigger.FSM(name="f", field="state", transitions=[(1, 2)])],
            )

    @pytest.mark.parametrize(
        ("field", "old", "new", "refused"),
        [
            (fields.BooleanField(), False, True, False),
            (fields.DateField(), "2020-01-01", "2020-01-02", "2020-01-03"),
            (fields.UUIDField(), "0" * 32, "1" * 32, "2" * 32),
            (fields.JSONField(), {"a": 1}, {"a": [2]}, {"a": "'"}),
            (fields.DecimalField(max_digits=4, decimal_places=2), "1.10", "1.20", "1.30"),
            (fields.TextField(), "it's: \\ 100% {x}", "🦉 $$", 'a"b'),
        ],
    )
    def test_states_of(self, make_model, field, old, new, refused):
        model = make_model(
            state=field,
            triggers=[
                pgtrigger.FSM(name="f", field="state", transitions=[(old, new)], separator="|")
            ],
        )
        model.objects.create(state=old)
        model.objects.update(state=new)
        with pytest.raises(pgtrigger.InvalidTransitionError):
            model.objects.update(state=refused)

    def test_null_is_a_state_of_json_too(self, make_model):
        model = make_model(
            state=fields.JSONField(null=True),
            triggers=[
                pgtrigger.FSM(
                    name="f", field="state", transitions=[(None, {"a": 1}), ({"a": 1}, None)]
                )
            ],
        )
        model.objects.create(state=None)
        model.objects.update(state={"a": 1})
        model.objects.update(state=None)
        with pytest.raises(pgtrigger.InvalidTransitionError):
            model.objects.update(state=fields.Value(None, fields.JSONField()))

    def test_a_field_of_enums_takes_its_members(self, make_model):
        model = make_model(
            state=ColourField(),
            triggers=[
                pgtrigger.FSM(name="f", field="state", transitions=[(Colour.RED, Colour.GREEN)])
            ],
        )
        model.objects.create(state=Colour.RED)
        model.objects.update(state=Colour.GREEN)
        with pytest.raises(pgtrigger.InvalidTransitionError):
            model.objects.update(state=Colour.RED)

    def test_a_state_may_be_the_member_of_an_enum_whose_value_is_stored(self, make_model):
        model = make_model(
            state=fields.TextField(),
            triggers=[
                pgtrigger.FSM(name="f", field="state", transitions=[(Colour.RED, Colour.GREEN)])
            ],
        )
        model.objects.create(state="red")
        model.objects.update(state="green")

    def test_a_condition_limits_it(self, make_model):
        model = make_model(
            state=fields.TextField(),
            is_checked=fields.BooleanField(default=True),
            triggers=[
                pgtrigger.FSM(
                    name="f",
                    field="state",
                    transitions=[("a", "b")],
                    condition=pgtrigger.Q(old__is_checked=True),
                )
            ],
        )
        model.objects.create(state="b", is_checked=False)
        model.objects.update(state="a")

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"transitions": [("a", "b")]}, 'has no "field"'),
            ({"field": "state"}, 'has no "transitions"'),
            ({"field": "state", "transitions": ["ab"]}, "not a pair"),
            ({"field": "state", "transitions": [("a", "b", "c")]}, "not a pair"),
            (
                {"field": "state", "transitions": [("a|b", "c")], "separator": "|"},
                "contains separator",
            ),
            (
                {"field": "state", "transitions": [("a:b", "c")]},
                'contains separator ":"',
            ),
        ],
    )
    def test_what_is_refused(self, options, reason):
        with pytest.raises(pgtrigger.DeclarationError, match=reason):
            pgtrigger.FSM(name="f", **options)


LEGAL = {("new", "paid"), ("new", "void"), ("paid", "sent"), ("sent", "new")}


@pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
@pytest.mark.parametrize("at", [pgtrigger.Row, pgtrigger.Statement], ids=str)
@pytest.mark.parametrize("rows", [1, 2, 5])
@with_connections
@at_every_level
def test_no_transition_that_is_not_listed_is_made_by_connections_together(
    make_model, at, rows, number, level, record_property
):
    """A trigger that is not the engine's writes down each transition that was really made."""
    model = make_model(
        state=fields.TextField(default="new"),
        triggers=[
            pgtrigger.FSM(name="fsm", field="state", transitions=sorted(LEGAL), level=at),
        ],
    )
    log = make_model(row=fields.IntegerField(), old=fields.TextField(), new=fields.TextField())
    witness = pgtrigger.Trigger(
        name="zz_log",
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        func=f"INSERT INTO {log._meta.db_table} (row, old, new)"
        " VALUES (OLD.id, OLD.state, NEW.state); RETURN NULL;",
    )
    witness.install(model)
    keys = [each.pk for each in model.objects.bulk_create([model() for _ in range(rows)])]
    table = model._meta.db_table

    def write(own, chance):
        state = chance.choice(["new", "paid", "sent", "void"])
        if chance.random() < 0.5:
            own.execute("SELECT count(*) FROM pg_class")
        own.execute(f"UPDATE {table} SET state = %s WHERE id = %s", [state, chance.choice(keys)])

    refused = race(number, level, 20, write)
    assert refused
    made = list(log.objects.order_by("pk").values_list("row", "old", "new"))
    assert {(old, new) for _, old, new in made if old != new} <= LEGAL
    assert len({(old, new) for _, old, new in made}) > 1
    witness.uninstall(model)
    record_property("transition races", 1)
