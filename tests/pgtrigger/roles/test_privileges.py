"""``manage.py pgtrigger roles``."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

import pghistory
from pghistory.keeping import partitioning, statistics
from pghistory.past import views
from pgtrigger.migrating.post_migrate import grant_after_migrate
from pgtrigger.roles import attempts, privileges
from pgtrigger.roles.privileges import Roles
from tests.pghistory.models import StatementLevel
from tests.pgtrigger.roles.conftest import execute

pytestmark = pytest.mark.django_db
TABLE, EVENTS = "pghistory_tests_statementlevel", "pghistory_tests_statementlevelevent"


def has(role, table):
    [(names,)] = execute(
        "SELECT array_agg(p ORDER BY p) FROM unnest(%s::text[]) p "
        "WHERE has_table_privilege(%s, %s, p)",
        [["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"], role, table],
    )
    return names or []


def run(*arguments):
    output = io.StringIO()
    call_command("pgtrigger", "roles", *arguments, stdout=output)
    return output.getvalue()


def test_the_application_writes_tables_and_reads_events(application):
    assert has(application, TABLE) == ["DELETE", "INSERT", "SELECT", "UPDATE"]
    for table in (EVENTS, "pghistory_context", "django_migrations"):
        assert has(application, table) == ["SELECT"]


def test_the_reader_reads(application):
    roles = Roles(app=application, read_only=f"{application}_reader")
    privileges.apply(roles)
    assert has(roles.read_only, TABLE) == has(roles.read_only, EVENTS) == ["SELECT"]


def test_nothing_is_left_to_do_the_second_time(application):
    assert privileges.plan(Roles(app=application)) == []


def test_what_is_too_much_is_revoked(application):
    execute(f"GRANT INSERT, TRUNCATE ON {EVENTS} TO {application}")
    execute(f"GRANT UPDATE (metadata) ON pghistory_context TO {application}")
    execute(f"GRANT SELECT ON {TABLE} TO PUBLIC")
    privileges.apply(Roles(app=application))
    assert has(application, EVENTS) == ["SELECT"]
    assert privileges.plan(Roles(app=application)) == []
    assert execute(
        "SELECT has_any_column_privilege(%s, 'pghistory_context', 'UPDATE')", [application]
    ) == [(False,)]


def test_a_new_table_is_readable_at_once_and_writable_after_migrate(application, settings):
    execute("CREATE TABLE public.a_new_table (id serial PRIMARY KEY)")
    assert has(application, "a_new_table") == ["SELECT"]
    settings.PGTRIGGER_ROLES = {"app": application}
    grant_after_migrate(connection.alias)
    assert has(application, "a_new_table") == ["DELETE", "INSERT", "SELECT", "UPDATE"]
    execute(f"SET LOCAL ROLE {application}")
    execute("INSERT INTO a_new_table DEFAULT VALUES")


def test_a_partition_has_no_privileges_of_its_own(application):
    execute("CREATE TABLE parted (id int) PARTITION BY RANGE (id)")
    execute("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10)")
    privileges.apply(Roles(app=application))
    assert "INSERT" in has(application, "parted")
    execute(f"SET LOCAL ROLE {application}")
    execute("INSERT INTO parted VALUES (5)")
    assert execute("SELECT id FROM parted") == [(5,)]


def test_the_past_can_be_read_at_once_and_not_written(application):
    roles = Roles(app=application, read_only=f"{application}_reader")
    privileges.apply(roles)
    for role in roles.grantees:
        assert has(role, f"pghistory_past.{TABLE}") == ["SELECT"]
        assert has(role, "pghistory_maintenance") == ["SELECT"]
    row = StatementLevel.objects.create(number=1)
    then = timezone.now()
    StatementLevel.objects.update(number=2)
    for role in roles.grantees:
        with transaction.atomic():
            execute(f"SET LOCAL ROLE {role}")
            with pghistory.as_of(then):
                assert StatementLevel.objects.get(pk=row.pk).number == 1
            transaction.set_rollback(True)


def test_the_owner_creates_the_views_of_the_past_again(application):
    owner = f"{application}_owner"
    privileges.apply(Roles(app=application, owner=owner))
    assert privileges.plan(Roles(app=application, owner=owner)) == []
    execute(f"SET LOCAL ROLE {owner}")
    views.set_aside(connection.alias)
    views.install(connection.alias)
    execute("RESET ROLE")
    assert has(application, f"pghistory_past.{TABLE}") == ["SELECT"]


def test_partitions_of_events_are_read_through_their_table(application):
    roles = Roles(app=application, read_only=f"{application}_reader")
    views.set_aside(connection.alias)
    partitioning.convert(StatementLevel.pgh_event_model, 100, connection.alias)
    views.install(connection.alias)
    privileges.apply(roles)
    StatementLevel.objects.create(number=1)
    for role in roles.grantees:
        assert has(role, EVENTS) == ["SELECT"]
        assert has(role, f"{EVENTS}_first") == has(role, f"{EVENTS}_rest") == []
        with transaction.atomic():
            execute(f"SET LOCAL ROLE {role}")
            assert StatementLevel.pgh_event_model.objects.count() == 1
            [found] = statistics.collect([StatementLevel.pgh_event_model], using=connection.alias)
            assert (found.partitions_left, found.default_rows) == (1, 0)
            transaction.set_rollback(True)
    assert not [each for each in attempts.run(application) if each.found]


def test_the_owner_gets_tables_and_functions(application):
    owner = f"{application}_owner"
    privileges.apply(Roles(app=application, owner=owner))
    assert execute("SELECT tableowner::text FROM pg_tables WHERE tablename = %s", [TABLE]) == [
        (owner,)
    ]
    assert execute(
        "SELECT DISTINCT pg_get_userbyid(proowner)::text FROM pg_proc "
        "WHERE starts_with(proname, 'pgtrigger_') AND pronamespace = 'public'::regnamespace"
    ) == [(owner,)]
    assert privileges.plan(Roles(app=application, owner=owner)) == []


def test_the_owner_gets_the_database_and_the_schema_of_the_application(application):
    """Their owner may drop every table and function in them."""
    owner = f"{application}_owner"
    [(database,)] = execute("SELECT current_database()")
    execute(f'ALTER DATABASE "{database}" OWNER TO {application}')
    execute(f"ALTER SCHEMA public OWNER TO {application}")
    privileges.apply(Roles(app=application, owner=owner))
    tries = attempts.Attempts(application, connection)
    results = [*tries.standing(), *tries.triggers_and_functions()]
    assert not [each for each in results if each.found]
    assert privileges.plan(Roles(app=application, owner=owner)) == []


def test_the_owner_gets_functions_and_types_of_every_kind(application):
    owner = f"{application}_owner"
    execute(
        'CREATE FUNCTION "by hand"(x int, VARIADIC y text[]) RETURNS int '
        "LANGUAGE sql AS 'SELECT 1'"
    )
    execute("CREATE PROCEDURE by_hand(x int) LANGUAGE sql AS ''")
    execute("CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)")
    execute("CREATE TYPE pair AS (a int); CREATE TYPE span AS RANGE (SUBTYPE = float8)")
    execute("CREATE TYPE kind AS ENUM ('a'); CREATE DOMAIN word AS text")
    privileges.apply(Roles(app=application, owner=owner))
    assert privileges.plan(Roles(app=application, owner=owner)) == []
    assert execute(
        "SELECT typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace"
        " AND typowner = %s::regrole AND typname IN ('pair', 'span', 'kind', 'word') ORDER BY 1",
        [owner],
    ) == [("kind",), ("pair",), ("span",), ("word",)]


def test_create_on_the_database_is_revoked(application):
    [(database,)] = execute("SELECT current_database()")
    execute(f'GRANT CREATE ON DATABASE "{database}" TO PUBLIC, {application}')
    privileges.apply(Roles(app=application))
    tries = attempts.Attempts(application, connection)
    assert not [each for each in tries.becoming_the_owner() if each.found]
    assert privileges.plan(Roles(app=application)) == []


def test_a_server_without_the_roles_is_left_alone_by_migrate(db, settings):
    settings.PGTRIGGER_ROLES = {"app": "nobody_of_this_name"}
    grant_after_migrate(connection.alias)
    assert execute("SELECT 1 FROM pg_roles WHERE rolname = 'nobody_of_this_name'") == []


def test_the_command_prints_and_changes_nothing():
    assert 'CREATE ROLE "app_printed" LOGIN;' in run("--app", "app_printed")
    assert execute("SELECT 1 FROM pg_roles WHERE rolname = 'app_printed'") == []


def test_the_command_applies():
    run("--app", "app_applied", "--read-only", "reader_applied", "--apply")
    assert has("app_applied", TABLE) == ["DELETE", "INSERT", "SELECT", "UPDATE"]
    assert has("reader_applied", TABLE) == ["SELECT"]


class TestWarnings:
    """Without PGHISTORY_DEFINER the application has no privilege to write events."""

    def test_the_command_warns_on_stderr(self):
        output, errors = io.StringIO(), io.StringIO()
        call_command("pgtrigger", "roles", "--app", "app_warned", stdout=output, stderr=errors)
        assert f"WARNING: A write of public.{TABLE} fails with permission denied" in (
            errors.getvalue()
        )
        assert "WARNING" not in output.getvalue()

    def test_json_holds_statements_and_warnings(self):
        found = json.loads(run("--app", "app_warned", "--format", "json"))
        assert 'CREATE ROLE "app_warned" LOGIN;' in found["statements"]
        assert [each for each in found["warnings"] if each.startswith(f"A write of public.{TABLE}")]
        assert all("Set PGHISTORY_DEFINER = True" in each for each in found["warnings"])

    def test_nothing_is_wrong_with_the_setting(self, application):
        found = json.loads(run("--app", application, "--format", "json"))
        assert found == {"statements": [], "warnings": []}


def test_the_command_needs_a_role():
    with pytest.raises(CommandError, match=r"--app, or in settings.PGTRIGGER_ROLES"):
        run()
