"""Virtual generated columns, which are NULL in the rows that a trigger sees.

https://www.postgresql.org/docs/current/ddl-generated-columns.html
"""

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

import pghistory
import pgtrigger

MODELS = """
    import pghistory
    from django.db.models import Case, F, Q, Value, When
    from django.db.models.functions import Lower

    @pghistory.track(
        pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), level={level}
    )
    class Item(models.Model):
        price = models.DecimalField(max_digits=6, decimal_places=2, null=True)
        odd = models.IntegerField(default=2, db_column="odd column {{x}} 🦉")
        name = models.CharField(max_length=20, default="A%b")
        total = models.GeneratedField(
            expression=F("price") * F("odd"),
            output_field=models.DecimalField(max_digits=6, decimal_places=1),
            db_persist=False,
        )
        kind = models.GeneratedField(
            expression=Case(
                When(Q(name__startswith="A%") & ~Q(odd=3), then=Value("100%")),
                default=Lower("name"),
            ),
            output_field=models.CharField(max_length=20),
            db_persist=False,
        )

    class Bill(models.Model):
        net = models.IntegerField()
        tax = models.IntegerField(default=0)
        note = models.TextField(default="")
        total = models.GeneratedField(
            expression=F("net") + F("tax"), output_field=models.IntegerField(), db_persist=False
        )

        class Meta:
            triggers = [
                pgtrigger.ReadOnly(name="total_stays", fields=["total"], level={level}),
                pgtrigger.Protect(
                    name="keep_large",
                    operation=pgtrigger.Delete,
                    condition=pgtrigger.Q(old__total__gt=100),
                    level={level},
                ),
                pgtrigger.Protect(
                    name="no_loss",
                    operation=pgtrigger.Insert,
                    condition=pgtrigger.Q(new__total__lt=0),
                    level={level},
                ),
            ]
"""


@pytest.fixture(params=["pgtrigger.Row", "pgtrigger.Statement"])
def models(request, app):
    """The app, with its models at row level and at statement level."""
    if connection.pg_version < 180000:
        pytest.skip("PostgreSQL has virtual generated columns from 18 on")
    app.declare(MODELS.format(level=request.param))
    app.makemigrations()
    app.migrate()
    assert not app.has_changes()
    assert set(app.states().values()) == {"INSTALLED ENABLED"}
    return app


def values(queryset):
    return list(queryset.values_list("total", "kind"))


class TestEvents:
    def test_an_event_holds_the_value_of_the_column(self, models):
        item = models.model("Item")
        events = item.pgh_event_model.objects.order_by("pgh_id")
        stored = item.objects.order_by("pk")
        item.objects.create(price="1.25", odd=3)
        item.objects.create(price=None, name="B")
        expected = values(stored)
        item.objects.filter(name="B").update(price=1)
        expected += values(stored.filter(name="B"))
        item.objects.update(odd=F("odd") + 1)
        expected += values(stored)
        item.objects.update(id=-F("id"))  # paired by ordinal
        expected += values(stored.order_by("-pk"))
        expected += values(stored)
        item.objects.all().delete()
        assert values(events.exclude(pgh_label="delete")) == expected[:-2]
        assert sorted(values(events.filter(pgh_label="delete"))) == sorted(expected[-2:])
        assert None not in {kind for _, kind in expected}

    def test_a_diff_and_the_past_have_it(self, models):
        item = models.model("Item").objects.create(price="1.25", odd=3)
        before = timezone.now()
        item.odd = 4
        item.save()
        [insert, update] = item.pgh_event_model.objects.order_by("pgh_id")
        assert pghistory.diff(insert, update)["kind"] == ["a%b", "100%"]
        timeline = pghistory.models.Events.objects.tracks(item).order_by("pgh_id")
        assert timeline[1].pgh_diff["total"] == [3.8, 5.0]
        past = type(item).history.as_of(before).get(kind="a%b")
        assert [str(past.total), past.odd] == ["3.8", 3]

    def test_a_revert_leaves_it_to_postgresql(self, models):
        item = models.model("Item").objects.create(price="1.25", odd=3)
        models.model("Item").objects.update(odd=4)
        item.pgh_event_model.objects.order_by("pgh_id")[0].revert()
        item.refresh_from_db()
        assert item.kind == "a%b"


class TestRules:
    def test_a_change_of_it_is_refused(self, models):
        bill = models.model("Bill")
        bill.objects.create(net=1)
        bill.objects.create(net=2)
        with pytest.raises(pgtrigger.ReadOnlyError) as caught, transaction.atomic():
            bill.objects.update(net=5)
        assert caught.value.fields == ["total"]
        bill.objects.update(net=F("net") - 1, tax=F("tax") + 1, note="moved")
        assert set(bill.objects.values_list("total", "note")) == {(1, "moved"), (2, "moved")}

    def test_a_condition_reads_it(self, models):
        bill = models.model("Bill")
        bill.objects.create(net=50, tax=50)
        large = bill.objects.create(net=50, tax=51)
        for write in (lambda: bill.objects.all().delete(), lambda: bill.objects.create(net=-1)):
            with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
                write()
        bill.objects.exclude(pk=large.pk).delete()
        assert bill.objects.get() == large
