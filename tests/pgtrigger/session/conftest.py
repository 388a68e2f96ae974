"""Connections and schemas of tests whose transactions are real."""

import pytest
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import atomic
from psycopg import sql

import pgtrigger
from tests.pgtrigger.models import Deferred, Protected


@pytest.fixture
def committing(db):
    """A connection whose transactions are real, and tables as empty after the test as before."""
    usual = connections[DEFAULT_DB_ALIAS]
    own = connections[DEFAULT_DB_ALIAS] = usual.copy()
    try:
        yield own
        with pgtrigger.ignore(), atomic():
            for model in (Deferred, Protected):
                model.objects.all().delete()
    finally:
        own.close()
        connections[DEFAULT_DB_ALIAS] = usual


@pytest.fixture
def schemas(committing):
    """Two schemas, each with a table ``here`` that holds the schema's name."""
    with committing.cursor() as cursor:
        for name in ("one", 'a "two"'):
            schema = sql.Identifier(name)
            cursor.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            cursor.execute(
                sql.SQL("CREATE TABLE {}.here AS SELECT {} AS name").format(schema, name)
            )
    yield ("one", 'a "two"')
    with committing.cursor() as cursor:
        for name in ("one", 'a "two"'):
            cursor.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


BINDINGS = {
    "client-side": {},
    "server-side": {"server_side_binding": True},
    "prepared": {"server_side_binding": True, "prepare_threshold": 0},
}


@pytest.fixture(params=BINDINGS.values(), ids=BINDINGS)
def connection(request, db):
    """A connection of the test's own in the place of Django's, so that transactions are real."""
    usual = connections[DEFAULT_DB_ALIAS]
    connection = usual.copy()
    connection.settings_dict["OPTIONS"].update(request.param)
    connections[DEFAULT_DB_ALIAS] = connection
    try:
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE seen (value text UNIQUE)")
        yield connection
    finally:
        connection.close()
        connections[DEFAULT_DB_ALIAS] = usual


@pytest.fixture
def execute(connection):
    def execute(statement, parameters=None):
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchone()[0] if cursor.description else None

    return execute


@pytest.fixture
def current(execute):
    """Return the server's values; to be called inside a transaction."""
    return lambda: execute("SELECT current_setting('tests.value', true)") or ""
