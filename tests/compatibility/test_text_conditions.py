"""A condition in SQL on OLD and NEW, at statement level."""

import pytest
from django.db import InternalError, models, transaction

import pghistory
import pgtrigger

CLIMBS = pgtrigger.Condition("NEW.n > OLD.n")


@pytest.fixture
def make(create):
    def make(rule):
        class Level(models.Model):
            n = models.IntegerField()
            text = models.TextField(default="")

            class Meta:
                app_label = "compatibility"
                triggers = [rule]

        create(Level)
        return Level

    return make


def protect(condition, operation=pgtrigger.Update):
    return pgtrigger.Protect(
        name="text", level=pgtrigger.Statement, operation=operation, condition=condition
    )


def refused(write, *args, **kwargs):
    with pytest.raises(InternalError) as caught, transaction.atomic():
        write(*args, **kwargs)
    return caught.value.detail["key"]


@pytest.mark.parametrize("rows", [1, 3, 5])
def test_updates_are_compared_row_by_row(make, rows):
    model = make(protect(CLIMBS))
    model.objects.bulk_create(model(n=n) for n in range(rows))
    model.objects.update(n=models.F("n") - 1)
    last = model.objects.latest("pk")
    climbing = models.Case(models.When(pk=last.pk, then=100), default=models.F("n"))
    assert refused(model.objects.update, n=climbing) == {"id": last.pk}


@pytest.mark.parametrize(
    "condition",
    [
        CLIMBS & pgtrigger.Q(old__n__gte=0),
        pgtrigger.Q(old__n__gte=0) & CLIMBS,
        ~(~CLIMBS),
        pgtrigger.Condition("NEW.* IS DISTINCT FROM OLD.* AND NEW.text <> 'OLD.n; NEW'") & CLIMBS,
        pgtrigger.Condition('new."n" > old."n" AND old IS NOT NULL'),
        CLIMBS | pgtrigger.AnyChange("text"),
    ],
)
def test_they_combine_with_others(make, condition):
    model = make(protect(condition))
    model.objects.create(n=1)
    model.objects.update(n=0)
    refused(model.objects.update, n=5)


def test_an_insert_has_new_rows_and_a_delete_old_ones(make):
    model = make(protect(pgtrigger.Condition("NEW.n = 1"), pgtrigger.Insert))
    model.objects.create(n=0)
    assert refused(model.objects.bulk_create, [model(pk=8, n=0), model(pk=9, n=1)]) == {"id": 9}


def test_a_delete_has_old_rows(make):
    model = make(protect(pgtrigger.Condition("OLD.n = 1"), pgtrigger.Delete))
    model.objects.bulk_create([model(pk=8, n=0), model(pk=9, n=1)])
    model.objects.filter(pk=8).delete()
    assert refused(model.objects.all().delete) == {"id": 9}


def test_read_only_and_fsm(make):
    rule = pgtrigger.ReadOnly(
        name="text", fields=["text"], level=pgtrigger.Statement, condition=CLIMBS
    )
    model = make(rule)
    model.objects.create(n=1)
    model.objects.update(text="free")
    model.objects.update(n=2)
    refused(model.objects.update, n=3, text="refused")


def test_a_composers_own_function_needs_a_condition_in_djangos_terms(isolated):
    trigger = pgtrigger.Composer(
        name="text",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        condition=CLIMBS,
        func=pgtrigger.Func("PERFORM 1 FROM {cond_new_values}; RETURN NULL;"),
    )

    class Level(models.Model):
        n = models.IntegerField()

        class Meta:
            app_label = "compatibility"

    with pytest.raises(pgtrigger.DeclarationError, match=r"pgtrigger\.Q"):
        trigger.compile(Level)


def test_history_captures_such_events_row_by_row(create):
    @pghistory.track(pghistory.UpdateEvent("climbs", condition=CLIMBS))
    class Level(models.Model):
        n = models.IntegerField()

        class Meta:
            app_label = "compatibility"

    create(Level)
    [trigger] = Level._meta.triggers
    assert trigger.level == pgtrigger.Row
    Level.objects.create(n=1)
    Level.objects.update(n=0)
    Level.objects.update(n=2)
    assert Level.pgh_event_model.objects.get().n == 2
