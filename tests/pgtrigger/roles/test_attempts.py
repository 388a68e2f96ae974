"""``manage.py pgtrigger check --as``: it finds each way in which a role can get past the rules."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

import pgtrigger
from pghistory.keeping import partitioning
from pghistory.past import views
from pgtrigger.roles import attempts
from tests.pghistory.models import StatementLevel
from tests.pgtrigger import models
from tests.pgtrigger.roles.conftest import execute

TABLE, EVENTS = "pghistory_tests_statementlevel", "pghistory_tests_statementlevelevent"
CONTEXTS = "pghistory_context"


def found(role):
    """The checks that found something."""
    return {result.check for result in attempts.run(role) if result.found}


def found_by(role, *parts):
    """The checks of these methods that found something, each with its object."""
    tries = attempts.Attempts(role, connection)
    results = [result for part in parts for result in getattr(tries, part)()]
    return {(result.check, result.object) for result in results if result.found}


def test_the_role_of_the_command_can_do_nothing_else(application):
    row = StatementLevel.objects.create(number=1)
    before = StatementLevel.pgh_event_model.objects.count()
    results = attempts.run(application)
    assert [result for result in results if result.found or "not tried" in result.detail] == []
    row.refresh_from_db()
    assert StatementLevel.pgh_event_model.objects.count() == before


def test_the_owner_is_found(application):
    execute(f"GRANT CREATE ON SCHEMA public TO {application}")
    execute(f"ALTER TABLE {TABLE} OWNER TO {application}")
    assert {"owner", "disable a trigger", "drop a trigger", "TRIGGER"} <= found(application)


def test_a_member_of_the_owner_is_found(application):
    execute(f"CREATE ROLE {application}_owner")
    execute(f"GRANT CREATE ON SCHEMA public TO {application}_owner")
    execute(f"ALTER TABLE {TABLE} OWNER TO {application}_owner")
    execute(f"GRANT {application}_owner TO {application}")
    assert {"member of the owner", "disable a trigger", "drop a trigger"} <= found(application)


def test_the_owner_of_the_database_is_found(application):
    """It owns the schema public, so it can drop the function of a trigger, and so the trigger."""
    [(database,)] = execute("SELECT current_database()")
    execute(f'ALTER DATABASE "{database}" OWNER TO {application}')
    execute("ALTER SCHEMA public OWNER TO pg_database_owner")
    assert found_by(application, "standing") == {
        ("owner", f"database {database}"),
        ("member of the owner", "pg_database_owner"),
    }
    checks = {check for check, _ in found_by(application, "triggers_and_functions")}
    assert "drop a function" in checks


def test_the_owner_of_a_function_or_type_is_found(application):
    """It can give the function a search_path, and the domain a constraint with its own code."""
    execute("CREATE FUNCTION by_hand(x int) RETURNS int LANGUAGE sql AS 'SELECT x'")
    execute("CREATE DOMAIN kind AS text")
    execute(f"GRANT CREATE ON SCHEMA public TO {application}")
    execute(f"ALTER FUNCTION by_hand OWNER TO {application}")
    execute(f"ALTER DOMAIN kind OWNER TO {application}")
    execute(f"REVOKE CREATE ON SCHEMA public FROM {application}")
    assert found_by(application, "standing") == {
        ("owner", "public.by_hand(x integer), public.kind")
    }


def test_the_owner_of_a_schema_is_found(application):
    execute(f"ALTER SCHEMA public OWNER TO {application}")
    assert found_by(application, "standing") == {("owner", "schema public")}


def test_a_role_that_may_grant_itself_the_owner_is_found(application):
    execute(f"CREATE ROLE {application}_owner")
    execute(f"ALTER TABLE {TABLE} OWNER TO {application}_owner")
    execute(f"ALTER ROLE {application} CREATEROLE")
    execute(f"GRANT {application}_owner TO {application} WITH ADMIN OPTION")
    assert ("GRANT the owner", f"{application}_owner") in found_by(
        application, "becoming_the_owner"
    )


def test_create_on_the_database_is_found(application):
    """A schema with the owner's name is the first that the owner's statements look into."""
    [(database,)] = execute("SELECT current_database()")
    execute(f'GRANT CREATE ON DATABASE "{database}" TO {application}')
    execute(f"CREATE ROLE {application}_owner")
    execute(f"ALTER TABLE {TABLE} OWNER TO {application}_owner")
    by_role = found_by(application, "becoming_the_owner")
    assert ("CREATE SCHEMA", f"{application}_owner") in by_role
    assert {check for check, _ in by_role} == {"CREATE SCHEMA"}


def test_a_member_of_a_role_with_the_servers_files_is_found(application):
    execute(f"GRANT pg_write_server_files TO {application}")
    assert found_by(application, "standing") == {
        ("member of the server's role", "pg_write_server_files")
    }


def test_a_superuser_is_found(application):
    execute(f"ALTER ROLE {application} SUPERUSER")
    assert {
        *("superuser", "session_replication_role", "INSERT", "UPDATE", "TRUNCATE", "EXECUTE"),
        *("replace a function", "disable a trigger"),
    } <= found(application)


@pytest.mark.parametrize(
    ("privilege", "table"),
    [("UPDATE", EVENTS), ("INSERT", EVENTS), ("DELETE", EVENTS), ("UPDATE", CONTEXTS)],
)
def test_a_privilege_on_events_and_contexts_is_found(application, privilege, table):
    execute(f"GRANT {privilege} ON {table} TO {application}")
    assert found(application) == {privilege}


def test_a_privilege_on_one_column_of_contexts_is_found(application):
    execute(f"GRANT UPDATE (metadata) ON {CONTEXTS} TO {application}")
    assert found(application) == {"UPDATE"}


@pytest.mark.parametrize("table", [TABLE, EVENTS])
def test_truncate_is_found(application, table):
    execute(f"GRANT TRUNCATE ON {table} TO {application}")
    assert "TRUNCATE" in found(application)


def test_execute_on_a_definer_function_is_found(application):
    [(name,)] = execute(
        "SELECT p.oid::regprocedure::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
        "WHERE t.tgrelid = %s::regclass AND p.prosecdef LIMIT 1",
        [TABLE],
    )
    execute(f"GRANT EXECUTE ON FUNCTION {name} TO {application}")
    assert found(application) == {"EXECUTE"}


def test_a_view_of_the_past_that_cannot_be_read_is_found(application):
    execute(f"REVOKE SELECT ON pghistory_past.{TABLE} FROM {application}")
    assert found(application) == {"ordinary SELECT"}


def test_a_privilege_on_a_partition_of_events_is_found(application):
    views.set_aside("default")
    partitioning.convert(StatementLevel.pgh_event_model, 100, "default")
    views.install("default")
    assert found(application) == set()
    execute(f"GRANT INSERT ON {EVENTS}_first TO {application}")
    assert found(application) == {"partition"}


def test_the_privilege_trigger_is_found(application):
    execute(f"GRANT TRIGGER ON {TABLE} TO {application}")
    assert found(application) == {"TRIGGER"}


def test_create_in_a_schema_that_a_function_searches_is_found(application):
    execute("CREATE SCHEMA searched")
    trigger = pgtrigger.Trigger(
        name="definer",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert,
        func="RETURN NEW;",
        security="DEFINER",
        search_path=["pg_catalog", "searched"],
    )
    trigger.install(models.Plain)
    assert found(application) == set()
    execute(f"GRANT CREATE ON SCHEMA searched TO {application}")
    assert found(application) == {"CREATE"}


def test_a_definer_function_without_search_path_is_found(application):
    execute(
        "CREATE FUNCTION unpinned() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql "
        "AS 'BEGIN RETURN NEW; END'"
    )
    execute("REVOKE EXECUTE ON FUNCTION unpinned() FROM PUBLIC")
    assert found(application) == {"search_path"}


def test_a_function_that_looks_up_operators_in_the_callers_schema_is_found(application):
    StatementLevel.objects.create(number=1)
    execute(
        "CREATE FUNCTION pgtrigger_by_hand() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN IF NEW.number = 99 THEN RAISE ''no''; END IF; RETURN NEW; END'"
    )
    execute(
        f"CREATE TRIGGER pgtrigger_by_hand BEFORE UPDATE ON {TABLE} "
        "FOR EACH ROW EXECUTE FUNCTION pgtrigger_by_hand()"
    )
    assert found(application) == {"planted objects, UPDATE"}


def test_events_that_the_role_itself_would_write_are_found(application, settings):
    settings.PGHISTORY_DEFINER = False
    pgtrigger.install()
    [result] = [
        each
        for each in attempts.run(application)
        if each.found and (each.check, each.object) == ("captured write", f"public.{TABLE}")
    ]
    assert f"permission denied for public.{CONTEXTS}, public.{EVENTS}:" in result.detail
    assert "Set PGHISTORY_DEFINER = True" in result.detail
    execute(f"SET LOCAL ROLE {application}")
    with pytest.raises(DatabaseError, match=f"permission denied for table {EVENTS}"):
        StatementLevel.objects.create(number=1)


def test_a_role_that_cannot_write_is_found(application):
    execute(f"REVOKE INSERT ON {TABLE} FROM {application}")
    assert "ordinary INSERT" in found(application)


class TestCommand:
    def run(self, *arguments):
        output = io.StringIO()
        code = 0
        try:
            call_command("pgtrigger", "check", *arguments, stdout=output)
        except SystemExit as error:
            code = error.code
        return code, output.getvalue()

    def test_nothing_found_is_exit_code_0(self, application):
        code, output = self.run("--as", application)
        assert code == 0
        assert output.endswith(f"attempts as {application}, 0 found\n")

    def test_something_found_is_exit_code_1_and_json_says_what(self, application):
        execute(f"GRANT INSERT ON {EVENTS} TO {application}")
        code, output = self.run("--as", application, "--format", "json")
        assert code == 1
        [result] = json.loads(output)
        assert result["check"] == "INSERT"
        assert result["object"].startswith(f"public.{EVENTS}.")
        assert result["found"] is True

    def test_all_shows_what_was_refused_too(self, application):
        code, output = self.run("--as", application, "--all", "--format", "json")
        checks = {result["check"] for result in json.loads(output)}
        assert code == 0
        assert {"ignore a rule", "session_replication_role", "EXECUTE", "drop a trigger"} <= checks

    def test_a_role_that_does_not_exist_is_exit_code_2(self, db):
        with pytest.raises(CommandError, match='cannot become the role "nobody"') as raised:
            self.run("--as", "nobody")
        assert raised.value.returncode == 2
        assert 'role "nobody" does not exist. Create the role with' in str(raised.value)


@pytest.mark.parametrize(
    "command",
    [
        ("pgtrigger", "disable", "pgtrigger_tests.Protected:no_delete"),
        ("pgtrigger", "violations", "--delete"),
        ("pghistory", "backfill", "pghistory_tests.StatementLevel"),
    ],
)
def test_a_command_that_the_role_may_not_run_says_who_may(application, command):
    execute(f"SET LOCAL ROLE {application}")
    with pytest.raises(CommandError, match="Connect as the role that owns the tables"):
        call_command(*command, stdout=io.StringIO())
