"""After a fault the connection has the values that Python wants, and no others."""

import threading
from contextlib import nullcontext

import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.transaction import atomic

import pghistory
import pgtrigger
from tests.pgtrigger.models import Protected

pytestmark = pytest.mark.django_db

SETTINGS = ("pgtrigger.ignore", "pghistory.context_metadata", "search_path")
SCOPES = {
    "ignore": pgtrigger.ignore,
    "context": lambda: pghistory.context(client="a"),
    "schema": lambda: pgtrigger.schema("pg_catalog", "public"),
}


@pytest.fixture
def own(db):
    """A connection whose transactions are real, in the place of Django's."""
    usual = connections[DEFAULT_DB_ALIAS]
    own = connections[DEFAULT_DB_ALIAS] = usual.copy()
    try:
        yield own
    finally:
        own.close()
        connections[DEFAULT_DB_ALIAS] = usual


def execute(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def values(connection):
    """The settings that the next statement of a transaction has."""
    with atomic():
        return execute(
            connection,
            "SELECT " + ", ".join(f"coalesce(current_setting('{s}', true), '')" for s in SETTINGS),
        )


def terminate(own):
    """Another session ends this one while it waits."""
    pid = execute(own, "SELECT pg_backend_pid()")[0]

    def end():
        other = own.copy()  # a connection belongs to its thread
        execute(other, f"SELECT pg_terminate_backend({pid}, 5000)")
        other.close()

    ending = threading.Timer(0.05, end)
    ending.start()
    try:
        execute(own, "DO 'BEGIN PERFORM pg_sleep(20); END'")
    finally:
        ending.join()


def time_out(own):
    with atomic():
        execute(own, "SET LOCAL statement_timeout = '20ms'")
        execute(own, "DO 'BEGIN PERFORM pg_sleep(20); END'")


def deadlock(own):
    """Two sessions lock two keys in opposite order; this one is chosen to fail."""
    begun = threading.Event()

    def wait_for_first():
        other = own.copy()  # a connection belongs to its thread
        with other.cursor() as cursor:
            cursor.execute("BEGIN; SET LOCAL deadlock_timeout = '30s'")
            cursor.execute("SELECT pg_advisory_xact_lock(4712)")
            begun.set()
            cursor.execute("SELECT pg_advisory_xact_lock(4711)")
            cursor.execute("COMMIT")
        other.close()

    waiting = threading.Thread(target=wait_for_first)
    try:
        with atomic():
            execute(own, "SET LOCAL deadlock_timeout = '20ms'")
            execute(own, "SELECT pg_advisory_xact_lock(4711)")
            waiting.start()
            assert begun.wait(20)
            execute(own, "DO 'BEGIN PERFORM pg_advisory_xact_lock(4712); END'")
    finally:
        waiting.join()


@pytest.mark.parametrize("in_transaction", [True, False], ids=["transaction", "autocommit"])
@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
@pytest.mark.parametrize("fault", [terminate, time_out, deadlock])
def test_the_values_are_right_after_a_fault(own, fault, scope, in_transaction, record_property):
    outside = values(own)
    with scope():
        inside = values(own)
    assert inside != outside
    with scope():
        with pytest.raises(DatabaseError), atomic() if in_transaction else nullcontext():
            fault(own)
        if not own.is_usable():
            own.close()  # as Django does at the end of a request
        assert values(own) == inside
    assert values(own) == outside
    with pytest.raises(pgtrigger.ProtectedError), atomic():
        Protected.objects.create().delete()
    record_property("faults", 1)
