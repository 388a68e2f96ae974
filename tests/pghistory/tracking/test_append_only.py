"""Append-only events: what refuses a change of history, and what does not."""

import pytest
from django.core.management import call_command
from django.db import connection, transaction

import pgtrigger
from tests.pghistory.models import Ledger, Vault

committing = pytest.mark.django_db(transaction=True)
MODELS = [Ledger, Vault]


@pytest.fixture(params=MODELS, ids=["append_only", "strict"])
def model(request):
    return request.param


@pytest.fixture
def event(model):
    return model.objects.create(amount=1).events.get()


def truncate(event):
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {event._meta.db_table}")


@pytest.mark.django_db
@pytest.mark.parametrize("change", [lambda e: e.save(), lambda e: e.delete(), truncate])
def test_a_change_of_an_event_is_refused(event, change):
    with pytest.raises(pgtrigger.ProtectedError, match="rows from pghistory_tests"):
        change(event)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [lambda e: e.delete(), truncate])
def test_an_ignored_rule_refuses_nothing_unless_it_is_strict(model, event, change):
    with pgtrigger.ignore():
        if model is Vault:
            with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
                change(event)
        else:
            change(event)
    assert type(event).objects.count() == (1 if model is Vault else 0)


@pytest.mark.django_db
def test_a_strict_rule_cannot_be_named_in_ignore():
    with pytest.raises(ValueError, match="cannot be ignored"):
        pgtrigger.ignore("pghistory_tests.VaultEvent:append_only").__enter__()


@committing
def test_flush_empties_the_table_and_leaves_the_rule(model, event):
    call_command("flush", interactive=False, verbosity=0)
    assert type(event).objects.count() == 0
    model.objects.create(amount=1)
    with pytest.raises(pgtrigger.ProtectedError):
        truncate(event)


@committing
def test_a_test_case_that_ends_with_a_flush_may_write_events(event):
    assert type(event).objects.count() == 1
