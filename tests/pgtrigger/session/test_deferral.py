"""``constraints()``: when deferrable triggers fire."""

import pytest
from django.db import DatabaseError
from django.db.models import IntegerField
from django.db.transaction import atomic

import pgtrigger
from tests.pgtrigger.models import Deferred

pytestmark = pytest.mark.django_db

NO_DELETE = "pgtrigger_tests.Protected:no_delete"
LATE = "pgtrigger_tests.Deferred:late"


def late():
    return pgtrigger.Protect(
        name="late", when=pgtrigger.After, operation=pgtrigger.Update, timing=pgtrigger.Deferred
    )


class TestConstraints:
    def test_a_deferred_trigger_that_is_set_to_immediate_fires_at_once(self, committing):
        Deferred.objects.create()
        with atomic():
            pgtrigger.constraints(pgtrigger.Immediate, LATE)
            with pytest.raises(pgtrigger.ProtectedError), atomic():
                Deferred.objects.update(number=1)

    def test_a_trigger_that_is_set_back_to_deferred_fires_at_the_commit(self, committing):
        Deferred.objects.create()

        def update():
            with atomic():
                pgtrigger.constraints(pgtrigger.Immediate, LATE)
                pgtrigger.constraints(pgtrigger.Deferred, LATE)
                Deferred.objects.update(number=1)
                assert Deferred.objects.get().number == 1

        with pytest.raises(pgtrigger.ProtectedError):
            update()

    def test_all_deferrable_triggers_are_set_without_a_uri(self):
        Deferred.objects.create()
        pgtrigger.constraints(pgtrigger.Immediate)
        with pytest.raises(pgtrigger.ProtectedError), atomic():
            Deferred.objects.update(number=1)

    def test_a_trigger_on_a_table_outside_the_search_path_is_set(self, schemas, make_model):
        model = make_model(
            meta={"db_table": '"one"."made"'}, number=IntegerField(default=0), triggers=[late()]
        )
        model.objects.create()
        for uris in ((late().get_uri(model),), ()):
            with atomic():
                pgtrigger.constraints(pgtrigger.Immediate, *uris)
                with pytest.raises(pgtrigger.ProtectedError), atomic():
                    model.objects.update(number=1)
                pgtrigger.constraints(pgtrigger.Deferred, *uris)

    def test_a_trigger_that_is_not_installed_fails_only_if_it_is_named(self, make_model):
        model = make_model(table=False, triggers=[late()])
        pgtrigger.constraints(pgtrigger.Immediate)
        with pytest.raises(DatabaseError, match="does not exist"), atomic():
            pgtrigger.constraints(pgtrigger.Immediate, late().get_uri(model))

    def test_pending_triggers_fire_when_they_are_set_to_immediate(self):
        Deferred.objects.create()

        def update_and_set():
            Deferred.objects.update(number=1)
            pgtrigger.constraints(pgtrigger.Immediate, LATE)

        with pytest.raises(pgtrigger.ProtectedError), atomic():
            update_and_set()

    def test_a_trigger_that_is_not_deferrable_is_rejected(self):
        with pytest.raises(ValueError, match="is not deferrable"):
            pgtrigger.constraints(pgtrigger.Immediate, NO_DELETE)

    def test_setting_the_timing_needs_a_transaction(self, committing):
        with pytest.raises(RuntimeError, match='"default" is not in a transaction'):
            pgtrigger.constraints(pgtrigger.Immediate, LATE)

    def test_every_named_database_must_be_in_a_transaction(self):
        with pytest.raises(RuntimeError, match='"other" is not in a transaction'):
            pgtrigger.constraints(pgtrigger.Immediate, LATE, databases=["default", "other"])

    def test_a_text_instead_of_a_timing_is_rejected(self):
        with pytest.raises(ValueError, match="Invalid timing 'IMMEDIATE'"):
            pgtrigger.constraints("IMMEDIATE", LATE)

    def test_an_unknown_uri_is_rejected(self):
        with pytest.raises(KeyError, match="not found"):
            pgtrigger.constraints(pgtrigger.Immediate, "pgtrigger_tests.Deferred:unknown")
