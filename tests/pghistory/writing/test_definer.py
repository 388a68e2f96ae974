"""PGHISTORY_DEFINER: a role that writes tracked tables, and cannot write their history."""

import uuid

import psycopg
import pytest
from django.db import DatabaseError, connection, models, transaction

import pghistory
import pgtrigger
from pghistory.models import Context
from pgtrigger.triggers import registry
from tests.pghistory.models import RowLevel, StatementLevel

pytestmark = pytest.mark.django_db

ROLE = "pghistory_test_application"
OTHER = "11111111-1111-4111-8111-111111111111"


def execute(statement, params=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else None


def refused(statement, params=None):
    """Return whether the privileges of the role do not allow the statement."""
    try:
        with transaction.atomic():
            execute(statement, params)
    except DatabaseError as error:
        return isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege)
    return False


def function_of(model):
    compiled = next(
        trigger.compile(model).sql
        for trigger in registry.of_model(model)
        if trigger.operation == pgtrigger.Insert
    )
    return compiled.function_name


@pytest.fixture(params=[RowLevel, StatementLevel], ids=["row", "statement"])
def model(request, settings):
    """A tracked model whose events are written as the owner, and the role with its privileges."""
    settings.PGHISTORY_DEFINER = True
    pgtrigger.install(
        *(trigger.get_uri(request.param) for trigger in registry.of_model(request.param))
    )
    events = request.param.pgh_event_model._meta.db_table
    table = request.param._meta.db_table
    execute(f"CREATE ROLE {ROLE}")
    execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {ROLE}")
    execute(f"GRANT SELECT ON {events}, pghistory_context TO {ROLE}")
    execute(f"SET LOCAL ROLE {ROLE}")
    return request.param


def labels(model):
    return list(
        model.pgh_event_model.objects.order_by("pgh_id").values_list("pgh_label", flat=True)
    )


def test_the_role_writes_tracked_rows_and_events_are_written(model):
    with pghistory.context(user=1):
        made = model.objects.create(number=1)
        model.objects.filter(pk=made.pk).update(number=2)
        made.delete()
    assert labels(model) == ["insert", "update", "delete"]
    assert Context.objects.get().metadata == {"user": 1}


def test_the_role_cannot_write_events_or_contexts(model):
    events = model.pgh_event_model._meta.db_table
    model.objects.create(number=1)
    for table in (events, "pghistory_context"):
        column = "pgh_label" if table == events else "created_at"
        assert refused(f"INSERT INTO {table} SELECT * FROM {table}")
        assert refused(f"UPDATE {table} SET {column} = {column}")
        assert refused(f"DELETE FROM {table}")
        assert refused(f"TRUNCATE {table}")


def test_the_role_cannot_attach_the_function_to_a_table_of_its_own(model):
    execute(f"CREATE TEMPORARY TABLE mine (LIKE {model._meta.db_table})")
    assert refused(
        "CREATE TRIGGER forged AFTER INSERT ON mine REFERENCING NEW TABLE AS new_values "
        f'FOR EACH STATEMENT EXECUTE FUNCTION "{function_of(model)}"()'
    )


def test_execute_that_somebody_granted_is_revoked_by_the_next_installation(model):
    execute("RESET ROLE")
    uri = next(
        trigger.get_uri(model)
        for trigger in registry.of_model(model)
        if trigger.operation == pgtrigger.Insert
    )
    execute(f'GRANT EXECUTE ON FUNCTION "{function_of(model)}"() TO PUBLIC')
    [entry] = pgtrigger.administration.entries(uri)
    assert entry.status == "OUTDATED"
    pgtrigger.install(uri)
    assert execute(
        "SELECT has_function_privilege(%s, %s, 'EXECUTE')", [ROLE, f'"{function_of(model)}"()']
    ) == [(False,)]


def test_the_function_looks_for_names_in_pg_temp_last(model):
    execute("RESET ROLE")
    rows = execute(
        "SELECT prosecdef, proconfig FROM pg_proc WHERE proname = %s", [function_of(model)]
    )
    [(is_definer, settings)] = rows
    assert is_definer
    assert "search_path=pg_catalog, pg_temp" in settings


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ('{"user": 2}', {"user": 1}),
        ('{"user": 2, "added": true}', {"user": 1, "added": True}),
        ("[1]", {"user": 1}),
        ('"text"', {"user": 1}),
        ("null", {"user": 1}),
        ("7", {"user": 1}),
    ],
)
def test_an_old_context_gains_keys_and_keeps_those_it_has(model, claimed, kept):
    execute("RESET ROLE")
    execute(
        "INSERT INTO pghistory_context (id, created_at, updated_at, metadata) "
        "VALUES (%s, now() - interval '1 day', now(), %s)",
        [OTHER, '{"user": 1}'],
    )
    execute(f"SET LOCAL ROLE {ROLE}")
    execute("SELECT set_config('pghistory.context_id', %s, true)", [OTHER])
    execute("SELECT set_config('pghistory.context_metadata', %s, true)", [claimed])
    execute(f"INSERT INTO {model._meta.db_table} (number) VALUES (1)")
    assert labels(model) == ["insert"]
    assert Context.objects.get(pk=OTHER).metadata == kept


def test_a_context_holds_the_role_that_logged_in(model):
    with pghistory.context(user=1, database_role="nobody"):
        model.objects.create(number=1)
    [(login,)] = execute("SELECT session_user::text")
    assert Context.objects.get().database_role == login != ROLE


def test_a_column_of_the_event_holds_the_role_whatever_context_it_refers_to(model):
    """``docs/what-a-rule-does-not-stop.md`` recommends such a column."""
    events = model.pgh_event_model._meta.db_table
    execute("RESET ROLE")
    execute(f"ALTER TABLE {events} ADD role text DEFAULT SESSION_USER")
    execute(
        "INSERT INTO pghistory_context (id, created_at, updated_at, metadata, database_role) "
        "VALUES (%s, '2020-01-01', now(), '{}', 'another')",
        [OTHER],
    )
    execute(f"SET LOCAL ROLE {ROLE}")
    execute("SELECT set_config('pghistory.context_id', %s, true)", [OTHER])
    execute("SELECT set_config('pghistory.context_written', %s, true)", [OTHER])
    execute(f"INSERT INTO {model._meta.db_table} (number) VALUES (1)")
    assert execute(
        f"SELECT c.database_role, e.role = SESSION_USER FROM {events} e"
        " JOIN pghistory_context c ON c.id = e.pgh_context_id"
    ) == [("another", True)]


def test_create_event_adds_to_a_context_and_changes_nothing_in_it():
    author = StatementLevel.objects.create(number=1)
    with pghistory.context(user=1) as opened:
        Context.objects.create(id=opened.id, metadata={"user": 3})
        Context.objects.update(created_at="2020-01-01T00:00:00Z")
        pghistory.context(more=2)
        pghistory.create_event(author, label="insert")
    assert Context.objects.get().metadata == {"user": 3, "more": 2}


def test_contexts_of_before_the_column_have_no_role():
    field = Context._meta.get_field("database_role")
    assert isinstance(field, models.TextField)
    old = uuid.uuid4()
    execute(
        "INSERT INTO pghistory_context (id, created_at, updated_at, metadata, database_role) "
        "VALUES (%s, now(), now(), '{}', NULL)",
        [old],
    )
    assert Context.objects.get(pk=old).database_role is None
