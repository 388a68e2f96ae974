"""``Frozen``, ``Touch``, the initial states of ``FSM``, and ``writes``."""

import datetime
import random

import pytest
from django.db import connection, models, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pgtrigger
from pgtrigger import DeclarationError, InvalidTransitionError, TriggerError
from pgtrigger.forms import forecast

pytestmark = pytest.mark.django_db
LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
ROW_AND_STATEMENT = pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement], ids=str)


def invoice(make_model, *triggers):
    return make_model(
        status=models.CharField(max_length=9, default="draft"),
        amount=models.IntegerField(default=0),
        note=models.CharField(max_length=9, default=""),
        updated_at=models.DateTimeField(auto_now=True),
        version=models.IntegerField(default=0),
        triggers=triggers,
    )


def is_refused(write):
    try:
        with transaction.atomic():
            write()
    except TriggerError:
        return True
    return False


class TestFrozen:
    @ROW_AND_STATEMENT
    def test_a_write_is_refused_as_a_plain_calculation_says(self, make_model, level):
        rule = pgtrigger.Frozen(when=Q(status="issued"), allow=["note"], level=level)
        model = invoice(make_model, rule)
        chance = random.Random(3)
        for _ in range(150):
            row = model.objects.create(
                status=chance.choice(["draft", "issued"]), amount=chance.randrange(2)
            )
            before = (row.status, row.amount)
            values = {
                "status": chance.choice(["draft", "issued"]),
                "amount": chance.randrange(2),
                "note": chance.choice(["", "n"]),
            }
            rows = model.objects.filter(pk=row.pk)
            frozen = before[0] == "issued"
            changed = (values["status"], values["amount"]) != before
            assert is_refused(lambda rows=rows, values=values: rows.update(**values)) == (
                frozen and changed
            )
            frozen = rows.get().status == "issued"
            assert is_refused(rows.delete) == frozen

    def test_a_save_of_what_is_allowed_passes_with_auto_now_and_version(self, make_model):
        model = invoice(
            make_model,
            pgtrigger.Frozen(name="a_frozen", when=Q(status="issued"), allow=["note"]),
            pgtrigger.Version("version"),
            pgtrigger.Frozen(name="z_frozen", when=Q(status="issued"), allow=["note"]),
        )
        row = model.objects.create(status="issued")
        row.note = "x"
        row.save()
        assert row.version == 1

    def test_the_time_of_creation_is_frozen(self, make_model):
        model = make_model(
            created_at=models.DateTimeField(auto_now_add=True),
            status=models.CharField(max_length=9, default="issued"),
            triggers=[pgtrigger.Frozen(when=Q(status="issued"))],
        )
        model.objects.create()
        assert is_refused(lambda: model.objects.update(created_at=LONG_AGO))

    def test_it_reports_the_field_and_its_condition(self, make_model):
        model = invoice(make_model, pgtrigger.Frozen(when=Q(status="issued"), message="Too late."))
        row = model.objects.create(status="issued")
        row.amount = 5
        with pytest.raises(pgtrigger.ReadOnlyError) as raised:
            row.save()
        assert (raised.value.message, raised.value.fields) == ("Too late.", ["amount"])
        assert "if the old status is 'issued'" in raised.value.__cause__.diag.message_hint

    def test_forms_know_that_a_row_is_frozen(self, make_model):
        model = invoice(make_model, pgtrigger.Frozen(when=Q(status="issued"), allow=["note"]))
        issued = forecast(model, model.objects.create(status="issued"))
        assert not issued.is_deletable
        assert issued.read_only == {"id", "status", "amount", "version"}
        draft = forecast(model, model.objects.create())
        assert (draft.is_deletable, draft.read_only) == (True, set())

    def test_to_ignore_it_covers_the_deletion(self, make_model):
        model = invoice(make_model, pgtrigger.Frozen(when=Q(status="issued")))
        row = model.objects.create(status="issued")
        with pgtrigger.ignore(f"{model._meta.label}:frozen"):
            row.amount = 3
            row.save()
            row.delete()
        assert not model.objects.exists()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"when": Q()}, "is a condition"),
            ({"when": "issued"}, "is a condition"),
            ({"when": Q(status="x"), "allow": "note"}, "is a list of fields"),
            ({"when": Q(stat="x")}, "no field named 'stat'"),
            ({"when": Q(status="x"), "allow": ["nothing"]}, "no field named 'nothing'"),
        ],
        ids=lambda value: str(value) if isinstance(value, str) else "",
    )
    def test_an_option_that_makes_no_sense_is_refused(self, make_model, options, reason):
        with pytest.raises(DeclarationError, match=reason):
            invoice(make_model, pgtrigger.Frozen(**options))


class TestTouch:
    def test_it_sees_every_change_and_only_changes(self, make_model):
        model = make_model(
            text=models.CharField(max_length=9, default=""),
            updated_at=models.DateTimeField(null=True),
            triggers=[pgtrigger.Touch("updated_at")],
        )
        row = model.objects.create()
        now = timezone.now()
        assert abs(now - row.updated_at) < datetime.timedelta(days=1)  # what the database set
        with pgtrigger.ignore():
            model.objects.update(updated_at=LONG_AGO)
        row.refresh_from_db()
        row.save()
        assert row.updated_at == LONG_AGO
        model.objects.update(text="x")
        row.refresh_from_db()
        assert row.updated_at > LONG_AGO
        assert forecast(model, row).read_only == {"updated_at"}

    def test_a_field_that_is_not_a_time_is_refused(self, make_model):
        with pytest.raises(DeclarationError, match="expected a DateTimeField"):
            make_model(number=models.IntegerField(), triggers=[pgtrigger.Touch("number")])


class TestInitialStates:
    @ROW_AND_STATEMENT
    def test_a_new_row_has_one_of_them(self, make_model, level):
        model = make_model(
            state=models.CharField(max_length=9, null=True),
            triggers=[
                pgtrigger.FSM(
                    name="flow",
                    field="state",
                    transitions=[("a", "b"), ("*", "z")],
                    initial=["a", None],
                    level=level,
                    message="No.",
                )
            ],
        )
        model.objects.bulk_create([model(state="a"), model(state=None)])
        with pytest.raises(InvalidTransitionError) as raised, transaction.atomic():
            model.objects.bulk_create([model(state="a"), model(state="b")])
        error = raised.value
        assert (error.field, error.old, error.new, error.message) == ("state", None, "b", "No.")
        assert model.objects.count() == 2
        assert forecast(model).states == {"state": ["a", None]}
        row = model.objects.filter(state="a").get()
        assert forecast(model, row).states == {"state": ["a", "b", "z"]}
        model.objects.update(state="z")
        assert is_refused(lambda: model.objects.update(state="a"))

    @pytest.mark.parametrize("initial", ["a", [], ["*"]], ids=str)
    def test_one_that_makes_no_sense_is_refused(self, initial):
        with pytest.raises(DeclarationError, match='"initial"'):
            pgtrigger.FSM(name="f", field="state", transitions=[("a", "b")], initial=initial)


def writing(name, when, operation, func, **options):
    return pgtrigger.Trigger(name=name, when=when, operation=operation, func=func, **options)


class TestWrites:
    def test_a_before_trigger_is_seen_without_a_query(self, make_model):
        model = make_model(
            text=models.CharField(max_length=9, default=""),
            size=models.IntegerField(default=0),
            triggers=[
                writing(
                    "size",
                    pgtrigger.Before,
                    pgtrigger.Insert | pgtrigger.Update,
                    "NEW.size := pg_catalog.length(NEW.text); RETURN NEW;",
                    writes=["size"],
                )
            ],
        )
        with CaptureQueriesContext(connection) as queries:
            row = model.objects.create(text="abc")
            assert row.size == 3
            row.text = "abcde"
            row.save()
            assert row.size == 5
            row.text = ""
            row.save(update_fields=["text"])
            assert row.size == 0
            rows = model.objects.bulk_create([model(text="a"), model(text="bb")])
            assert [each.size for each in rows] == [1, 2]
        assert len([q for q in queries if "SAVEPOINT" not in q["sql"]]) == 4

    def test_an_after_trigger_is_seen_with_one_query(self, make_model):
        model = make_model(
            size=models.IntegerField(default=0),
            text=models.CharField(max_length=9, default=""),
            triggers=[
                writing(
                    "size",
                    pgtrigger.After,
                    pgtrigger.Insert,
                    pgtrigger.Func(
                        "UPDATE {meta.db_table} SET size = 7 WHERE id = NEW.id; RETURN NULL;"
                    ),
                    writes=["size"],
                )
            ],
        )
        row = model.objects.create()
        with CaptureQueriesContext(connection) as queries:
            assert row.size == 7
        assert len(queries) == 1
        fresh = model.objects.create()
        fresh.text = "x"
        fresh.save()  # does not write back what it has not read
        assert model.objects.get(pk=fresh.pk).size == 7
        rows = model.objects.bulk_create([model() for _ in range(50)])
        with CaptureQueriesContext(connection) as queries:
            assert {each.size for each in rows} == {7}
        assert len(queries) == 0

    def test_a_field_that_the_model_does_not_have_is_refused(self, make_model):
        rule = writing("f", pgtrigger.Before, pgtrigger.Insert, "RETURN NEW;", writes=["nothing"])
        with pytest.raises(DeclarationError, match="no field named 'nothing'"):
            make_model(triggers=[rule])
