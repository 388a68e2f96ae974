"""Transaction variables: what the server has is what Python wants, in every kind of statement."""

import asyncio
import contextlib
import threading

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connections,
    transaction,
)
from django.db.transaction import atomic
from psycopg import sql
from psycopg.pq import TransactionStatus

from pgtrigger.session import scopes
from pgtrigger.session.scopes import Scope
from pgtrigger.session.synchronizer import Synchronizer
from pgtrigger.session.variables import Variable
from tests import savepoint_create
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db

BINDINGS = {
    "client-side": {},
    "server-side": {"server_side_binding": True},
    "prepared": {"server_side_binding": True, "prepare_threshold": 0},
}
INSERT = "INSERT INTO seen VALUES (current_setting('tests.value', true)) RETURNING value"

variable = Variable("tests.value", lambda value, alias: value)


class wanting(Scope):
    """A scope in which the server is to have this value."""

    def __init__(self, value):
        self.value = value

    def values(self):
        return {variable: self.value}


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


counting = pytest.mark.parametrize("connection", [{}], indirect=True)  # no round trip to prepare


def skip_where_prepared(connection):
    if "prepare_threshold" in connection.settings_dict["OPTIONS"]:
        pytest.skip("PostgreSQL prepares no string of several statements")


class TestInATransaction:
    def test_a_scope_inside_it(self, current):
        with atomic():
            assert current() == ""
            with wanting("a"):
                assert current() == "a"
            assert current() == ""

    def test_a_scope_around_it(self, current):
        with wanting("a"), atomic():
            assert current() == "a"

    def test_scopes_nest(self, current):
        with wanting("a"), atomic(), wanting("b"):
            assert current() == "b"
            with wanting(None):
                assert current() == ""
            assert current() == "b"

    def test_one_scope_may_be_entered_twice(self, current):
        scope = wanting("a")
        with atomic(), scope:
            with scope:
                assert current() == "a"
            assert current() == "a"

    def test_it_is_gone_with_the_transaction(self, current):
        with wanting("a"):
            with atomic():
                assert current() == "a"
            assert current() == ""
            with atomic():
                assert current() == "a"
        with atomic():
            assert current() == ""

    def test_a_scope_that_reaches_over_the_commit(self, current):
        with contextlib.ExitStack() as scope:
            with atomic():
                scope.enter_context(wanting("a"))
            with atomic():
                assert current() == "a"
        with atomic():
            assert current() == ""

    def test_a_value_changes_until_its_scope_ends(self, current):
        with atomic():
            with wanting("a"):
                with wanting("b"):
                    scopes.change(variable, "c")
                    assert current() == "c"
                assert current() == "a"
            assert current() == ""

    @counting
    def test_it_is_sent_once(self, connection, execute):
        with traffic(connection) as seen, wanting("a"), atomic():
            for _ in range(5):
                execute("SELECT 1")
        assert seen.sent("SET LOCAL") == 1

    def test_a_value_equal_to_the_one_around_it_is_not_sent(self, connection):
        with wanting("a"), atomic(), traffic(connection) as seen, wanting("a"):
            pass
        assert seen.round_trips == 0

    @counting
    def test_nothing_is_sent_where_nothing_is_wanted(self, connection, execute):
        with wanting("a"), atomic():
            pass
        with traffic(connection) as seen, atomic():
            execute("SELECT 1")
        assert seen.round_trips == 3  # BEGIN, SELECT, COMMIT

    def test_the_isolation_level_may_still_be_set(self, execute):
        with wanting("a"), atomic():
            execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            assert execute("SHOW transaction_isolation") == "serializable"

    def test_a_durable_transaction(self, current):
        with wanting("a"), atomic(durable=True):
            assert current() == "a"

    def test_what_runs_on_commit_is_outside(self, current):
        seen = []
        with wanting("a"), atomic():
            transaction.on_commit(lambda: seen.append(current()))
        assert seen == [""]

    def test_a_text_of_any_characters(self, current):
        text = "it's {x} %s %% \\ \"; 🦉"
        with wanting(text), atomic():
            assert current() == text


class TestRollbackToASavepoint:
    def test_it_takes_back_a_value_of_a_scope_that_goes_on(self, current, execute):
        with atomic():
            execute("SAVEPOINT s")
            with wanting("a"):
                execute("ROLLBACK TO SAVEPOINT s")
                assert current() == "a"
            assert current() == ""

    def test_it_brings_back_a_value_of_a_scope_that_ended(self, current, execute):
        with atomic():
            with wanting("a"):
                execute("SAVEPOINT s")
            execute("ROLLBACK TO SAVEPOINT s")
            assert current() == ""

    @pytest.mark.parametrize(
        "spelling",
        [
            "ROLLBACK TO s",
            "rollback work to savepoint s",
            "\n /* to */ Rollback -- back\n TRANSACTION TO s",
            "SELECT 1; ROLLBACK TO s; SELECT 2",
            "ROLLBACK TO s; SAVEPOINT s2",
            b"ROLLBACK TO s",
            sql.SQL("ROLLBACK TO {}").format(sql.Identifier("s")),
        ],
        ids=str,
    )
    def test_in_any_spelling(self, connection, current, execute, spelling):
        if ";" in str(spelling):
            skip_where_prepared(connection)
        with atomic():
            execute("SAVEPOINT s")
            with wanting("a"):
                execute(spelling)
                with connection.connection.cursor() as cursor:  # what COPY and callproc find
                    row = cursor.execute("SELECT current_setting('tests.value', true)").fetchone()
                assert row == ("a",)

    def test_after_an_error(self, current, execute):
        with wanting("a"), atomic():
            with pytest.raises(DatabaseError), atomic(), wanting("b"):
                execute("SELECT 1 / 0")
            assert current() == "a"

    def test_savepoints_of_djangos(self, current):
        with atomic():
            savepoint = savepoint_create()
            with wanting("a"):
                transaction.savepoint_rollback(savepoint)
                assert current() == "a"


class TestAFailedTransaction:
    def test_the_users_own_error_comes_out(self, execute):
        with pytest.raises(DatabaseError, match="division by zero"), atomic(), wanting("a"):
            execute("SELECT 1 / 0")

    def test_nothing_is_sent_in_it(self, connection, execute):
        def fail_and_look():
            with atomic():
                try:
                    execute("SELECT 1 / 0")
                finally:
                    with traffic(connection) as seen, wanting("a"):
                        pass
                    assert seen.round_trips == 0

        with pytest.raises(DatabaseError, match="division by zero"):
            fail_and_look()

    def test_a_lost_connection_does_not_hide_the_error_of_the_block(self, connection):
        def lose_and_fail():
            with atomic(), wanting("a"):
                lose(connection)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            lose_and_fail()
        assert variable.get() is None

    def test_a_scope_that_cannot_be_entered_leaves_nothing_behind(self, connection, execute):
        def lose_and_enter():
            with atomic():
                execute("SELECT 1")
                lose(connection)
                wanting("a").__enter__()

        with pytest.raises(OperationalError):
            lose_and_enter()
        assert variable.get() is None

    def test_a_transaction_that_cannot_begin_leaves_no_half_of_one(self, connection, execute):
        lose(connection)
        with wanting("a"), pytest.raises(OperationalError), atomic():
            pass
        assert connection.connection is None
        with wanting("a"), atomic():
            assert execute("SELECT current_setting('tests.value', true)") == "a"
        assert connection.get_autocommit()

    def test_a_connection_opened_again(self, connection, current):
        with wanting("a"):
            with atomic():
                assert current() == "a"
            connection.close()
            with atomic():
                assert current() == "a"


def lose(connection):
    """End the connection's server process; the client notices when it sends again."""
    other = connection.copy()
    with other.cursor() as cursor:
        pid = connection.connection.info.backend_pid
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()


class TestStatements:
    def test_executemany(self, connection, execute):
        with wanting("a"), atomic(), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO seen VALUES (current_setting('tests.value', true) || %s)", [(1,), (2,)]
            )
        assert execute("SELECT string_agg(value, ',' ORDER BY value) FROM seen") == "a1,a2"

    def test_parameters_in_a_dict(self, execute):
        with wanting("a"), atomic():
            found = execute(
                "SELECT current_setting('tests.value') || %(more)s::text", {"more": "%s"}
            )
        assert found == "a%s"

    def test_percent_signs(self, execute):
        with wanting("a"), atomic():
            assert execute("SELECT current_setting('tests.value') || '%'") == "a%"
            assert execute("SELECT current_setting('tests.value') || '%%' || %s", ["b"]) == "a%b"

    def test_composed_statements(self, execute):
        statement = sql.SQL("SELECT current_setting({})").format(sql.Literal("tests.value"))
        with wanting("a"), atomic():
            assert execute(statement) == "a"

    def test_statements_of_bytes(self, execute):
        with wanting("a"), atomic():
            assert execute(b"SELECT current_setting('tests.value')") == "a"

    def test_several_statements_in_one_string(self, connection, execute):
        skip_where_prepared(connection)
        with wanting("a"), atomic():
            execute(f"{INSERT}; SELECT 1")
            assert execute("SELECT value FROM seen") == "a"

    def test_server_side_cursors(self, connection):
        with wanting("a"), atomic(), connection.chunked_cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('tests.value') FROM generate_series(1, %s)", [100]
            )
            assert cursor.fetchmany(2) == [("a",), ("a",)]

    def test_callproc(self, connection):
        with wanting("a"), atomic(), connection.cursor() as cursor:
            cursor.callproc("current_setting", ["tests.value"])
            assert cursor.fetchone() == ("a",)

    def test_the_raw_driver(self, connection):
        statement = "SELECT current_setting('tests.value')"
        with wanting("a"), atomic():
            assert connection.connection.execute(statement).fetchone() == ("a",)

    @pytest.mark.parametrize("entered", ["before", "after"])
    def test_copy_as_the_first_statement(self, connection, execute, entered):
        execute("ALTER TABLE seen ADD seen text DEFAULT current_setting('tests.value', true)")
        scopes = [wanting("a"), atomic()]
        with contextlib.ExitStack() as stack:
            for scope in scopes if entered == "before" else reversed(scopes):
                stack.enter_context(scope)
            with connection.cursor() as cursor, cursor.copy("COPY seen (value) FROM STDIN") as rows:
                rows.write_row(["1"])
        assert execute("SELECT seen FROM seen") == "a"

    def test_a_scope_inside_a_copy_does_not_disturb_it(self, connection, execute):
        copied = "COPY seen (value) FROM STDIN"
        with atomic(), connection.cursor() as cursor, cursor.copy(copied) as rows, wanting("a"):
            rows.write_row(["1"])
        assert execute("SELECT value FROM seen") == "1"

    def test_a_pipeline_in_a_transaction(self, connection):
        seen = []
        with atomic(), connection.connection.pipeline():
            for value in ("a", None, "b"):
                with wanting(value):
                    cursor = connection.cursor()
                    cursor.execute("SELECT current_setting('tests.value', true)")
                    seen.append(cursor)
        assert [cursor.fetchone()[0] or "" for cursor in seen] == ["a", "", "b"]

    def test_a_transaction_in_a_pipeline(self, connection):
        with (
            connection.connection.pipeline(),
            wanting("a"),
            atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT current_setting('tests.value')")
            assert cursor.fetchone() == ("a",)

    def test_a_rollback_to_a_savepoint_in_a_pipeline(self, connection):
        with atomic(), connection.connection.pipeline(), connection.cursor() as cursor:
            cursor.execute("SAVEPOINT s")
            with wanting("a"):
                cursor.execute("ROLLBACK TO s")
                cursor.execute("SELECT current_setting('tests.value')")
                assert cursor.fetchone() == ("a",)

    @counting
    def test_a_pipeline_is_not_waited_for(self, connection):
        with traffic(connection) as seen, wanting("a"), atomic(), connection.connection.pipeline():
            for _ in range(3):
                connection.cursor().execute("SELECT 1")
        assert seen.round_trips == 4  # BEGIN, SET LOCAL, the pipeline, COMMIT


class TestAutocommit:
    def test_a_write_carries_it(self, execute):
        with wanting("a"):
            assert execute(INSERT) == "a"

    @pytest.mark.parametrize(
        "statement",
        [
            f"  {INSERT}",
            f"/* {{}} */ -- with\n{INSERT}",
            f"WITH x AS ({INSERT}) SELECT * FROM x",
            INSERT.encode(),
            sql.SQL("INSERT INTO seen VALUES (current_setting({}, true)) RETURNING value").format(
                sql.Literal("tests.value")
            ),
        ],
        ids=str,
    )
    def test_whatever_comes_before_its_first_word(self, execute, statement):
        with wanting("a"):
            assert execute(statement) == "a"

    def test_a_prepared_statement_carries_it(self, execute):
        execute(f"PREPARE inserting AS {INSERT}")
        with wanting("a"):
            assert execute("EXECUTE inserting") == "a"

    def test_what_explain_carries_out_carries_it(self, execute):
        with wanting("a"):
            execute(f"EXPLAIN ANALYZE {INSERT}")
        assert execute("SELECT value FROM seen") == "a"

    @pytest.mark.parametrize(
        "statement",
        [
            f"SELECT 1; {INSERT}",
            f";; {INSERT};",
            f"/* a /* nested */ one; */ {INSERT}",
            f"-- a comment that ends with a return\r{INSERT}",
            f"SELECT ';', $$;$$, E'\\';', U&'\\0061'; {INSERT}",
            f'SELECT 1 AS ";"; (WITH x AS (SELECT 1) SELECT * FROM x); {INSERT}',
            f"SELECT $a$ $$; -- $a$; {INSERT}",
            f"DO $$BEGIN {INSERT.removesuffix(' RETURNING value')}; END$$",
            f"CREATE TEMP TABLE IF NOT EXISTS made (a int); {INSERT}",
            f"EXPLAIN ANALYZE {INSERT}; SELECT 1",
            "CREATE FUNCTION pg_temp.one() RETURNS int BEGIN ATOMIC; SELECT CASE WHEN true THEN 1"
            f" END; END; {INSERT}",
        ],
    )
    def test_wherever_the_write_is_in_the_string(self, connection, execute, statement):
        if ";" in statement.rstrip(";") and "DO $$" not in statement:
            skip_where_prepared(connection)
        with wanting("a"):
            execute(statement)
        assert execute("SELECT value FROM seen") == "a"

    @pytest.mark.parametrize(
        "statement",
        [
            f"BEGIN; {INSERT}; COMMIT",
            f"{INSERT}; COMMIT",
            f"/* */ start transaction; {INSERT}; END",
            f"ROLLBACK; {INSERT}",
            f"DISCARD ALL; {INSERT}",
        ],
    )
    def test_a_string_that_would_lose_it_is_refused(self, execute, statement):
        with (
            wanting("a"),
            pytest.raises(NotSupportedError, match=r"INSERT .* without tests\.value"),
        ):
            execute(statement)
        assert execute("SELECT count(*) FROM seen") == 0

    @pytest.mark.parametrize("statement", ["ROLLBACK TO s", "RESET ALL", "COMMIT", "ABORT"])
    def test_also_inside_a_transaction(self, execute, statement):
        with wanting("a"), atomic():
            execute("SAVEPOINT s")
            with pytest.raises(NotSupportedError, match="Execute each"):
                execute(f"{statement}; {INSERT}")

    def test_what_needs_nothing_may_control_a_transaction(self, connection, execute):
        skip_where_prepared(connection)
        with wanting("a"):
            execute("BEGIN; SELECT 1; COMMIT")
            with atomic():
                execute(f"{INSERT}; SAVEPOINT s; ROLLBACK TO s")
                assert execute("SELECT current_setting('tests.value')") == "a"

    def test_copy_carries_it(self, connection, execute):
        execute("CREATE TEMP TABLE copied (a text, b text DEFAULT current_setting('tests.value'))")
        copied = "COPY copied (a) FROM STDIN"
        with wanting("a"), connection.cursor() as cursor, cursor.copy(copied) as rows:
            rows.write_row(["1"])
        assert execute("SELECT b FROM copied") == "a"

    def test_a_copy_on_the_server_carries_it(self, connection, execute):
        with wanting("a"):
            execute(f"COPY ({INSERT}) TO PROGRAM 'cat > /dev/null'")
        assert execute("SELECT value FROM seen") == "a"

    def test_a_copy_that_fails_leaves_no_transaction(self, connection, execute):
        def copy_twice(cursor):
            with cursor.copy("COPY seen (value) FROM STDIN") as rows:
                rows.write_row(["1"])
                rows.write_row(["1"])

        with connection.cursor() as cursor, pytest.raises(psycopg.errors.UniqueViolation):
            wanting("a")(copy_twice)(cursor)
        assert execute("SELECT count(*) FROM seen") == 0

    def test_callproc_carries_it(self, connection):
        with wanting("a"), connection.cursor() as cursor:
            cursor.callproc("current_setting", ["tests.value"])
            assert cursor.fetchone() == ("a",)

    def test_a_procedure_carries_it(self, execute):
        body = INSERT.removesuffix(" RETURNING value").replace("'", "''")
        execute(f"CREATE PROCEDURE pg_temp.writes() LANGUAGE plpgsql AS 'BEGIN {body}; END'")
        with wanting("a"):
            execute("CALL pg_temp.writes()")
        assert execute("SELECT value FROM seen") == "a"

    @pytest.mark.parametrize("statement", ["CALL pg_temp.ends()", "DO 'BEGIN COMMIT; END'"])
    def test_what_ends_its_transaction_is_refused(self, execute, statement):
        """What it executes after its COMMIT would not have the value."""
        execute(
            "CREATE PROCEDURE pg_temp.ends() LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO seen VALUES (''x''); COMMIT; INSERT INTO seen VALUES (''y''); END'"
        )
        with wanting("a"), pytest.raises(NotSupportedError, match=r"without tests\.value\."):
            execute(statement)
        assert execute("SELECT count(*) FROM seen") == 0
        with wanting("a"):
            assert execute(INSERT) == "a"

    def test_a_procedure_may_commit_outside_a_scope_and_through_the_driver(
        self, connection, execute
    ):
        execute("CREATE PROCEDURE pg_temp.ends() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
        execute("CALL pg_temp.ends()")
        with wanting("a"):
            connection.connection.execute("CALL pg_temp.ends()")

    def test_it_is_gone_after_the_write(self, current, execute):
        with wanting("a"):
            execute(INSERT)
            assert current() == ""

    @counting
    def test_one_round_trip(self, connection, execute):
        with wanting("a"), traffic(connection) as seen:
            execute(INSERT)
        assert seen.round_trips == 1

    @counting
    def test_a_plain_select_costs_nothing(self, connection, execute):
        with wanting("a"), traffic(connection) as seen:
            execute("SELECT 1")
        assert (seen.round_trips, seen.sent("tests.value")) == (1, 0)

    def test_with_parameters(self, execute):
        with wanting("a"):
            assert (
                execute(
                    "INSERT INTO seen VALUES (current_setting('tests.value') || %s || '%%')"
                    " RETURNING value",
                    ["b;"],
                )
                == "ab;%"
            )

    def test_the_count_of_rows_is_known(self, connection, execute):
        execute("INSERT INTO seen VALUES ('x'), ('y')")
        with wanting("a"), connection.cursor() as cursor:
            cursor.execute("UPDATE seen SET value = value || current_setting('tests.value')")
            assert cursor.rowcount == 2

    def test_executemany(self, connection, execute):
        with wanting("a"), connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO seen VALUES (current_setting('tests.value', true) || %s)", [(1,), (2,)]
            )
        assert execute("SELECT string_agg(value, ',' ORDER BY value) FROM seen") == "a1,a2"

    def test_several_statements_in_one_string(self, connection, execute):
        skip_where_prepared(connection)
        with wanting("a"):
            execute(f"{INSERT}; UPDATE seen SET value = value || current_setting('tests.value')")
        assert execute("SELECT value FROM seen") == "aa"

    def test_an_error_of_the_statement(self, connection, execute):
        execute("INSERT INTO seen VALUES ('a')")
        with wanting("a"), pytest.raises(IntegrityError) as caught:
            execute(INSERT)
        assert isinstance(caught.value.__cause__, psycopg.errors.UniqueViolation)
        assert execute("SELECT count(*) FROM seen") == 1

    def test_an_error_of_the_statement_logs_nothing(self, connection, execute, caplog):
        execute("INSERT INTO seen VALUES ('a')")
        for statement in (INSERT, f"{INSERT};", f"WITH x AS ({INSERT}) SELECT * FROM x"):
            with wanting("a"), pytest.raises(IntegrityError):
                execute(statement)
        with wanting("a"), pytest.raises(IntegrityError), connection.connection.pipeline():
            execute(INSERT)
        with wanting("a"), pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO seen VALUES (%s)", [("b",), ("a",), ("c",)])
        assert caplog.records == []

    @counting
    def test_nothing_is_prepared_but_the_users_own_statement(self, connection, execute):
        with wanting("a"), defining("b"), traffic(connection) as seen:
            execute("DELETE FROM seen")
            with atomic():
                execute("DELETE FROM seen")
        for text in ("BEGIN", "COMMIT", "set_config", "SET LOCAL"):
            prepared = [
                message for message in seen.messages if "Parse" in message and text in message
            ]
            assert all('"_pg' not in message for message in prepared), prepared

    def test_an_error_at_the_commit(self, execute):
        execute("ALTER TABLE seen DROP CONSTRAINT seen_value_key")
        execute("ALTER TABLE seen ADD UNIQUE (value) DEFERRABLE INITIALLY DEFERRED")
        execute("INSERT INTO seen VALUES ('a')")
        with wanting("a"), pytest.raises(IntegrityError):
            execute(INSERT)
        assert execute("SELECT count(*) FROM seen") == 1

    def test_a_lost_connection(self, connection, execute):
        lose(connection)
        with wanting("a"), pytest.raises(OperationalError, match="connection"):
            execute(INSERT)

    def test_an_error_of_the_parameters(self, execute):
        with wanting("a"), pytest.raises(ProgrammingError):
            execute("INSERT INTO seen VALUES (%s, %s)", ["b"])
        assert execute("SELECT count(*) FROM seen") == 0

    def test_the_raw_drivers_pipeline(self, connection, execute):
        with wanting("a"), connection.connection.pipeline():
            first, second = connection.cursor(), connection.cursor()
            first.execute("SELECT 1")
            second.execute(INSERT)
            assert second.fetchone() == ("a",)
            assert first.fetchone() == (1,)

    def test_a_wrapper_that_asks_the_server_in_between(self, connection, execute):
        def ask(execute, query, params, many, context):
            with connection.connection.cursor() as cursor:
                cursor.execute("SELECT 1").fetchone()
            return execute(query, params, many, context)

        with wanting("a"), connection.execute_wrapper(ask):
            assert execute(INSERT) == "a"

    def test_a_transaction_begun_by_a_statement(self, connection, execute):
        with wanting("a"):
            execute("BEGIN")
            with connection.cursor() as cursor:
                cursor.callproc("current_setting", ["tests.value"])
                assert cursor.fetchone() == ("a",)
            execute("COMMIT")

    @pytest.mark.parametrize(
        "statement",
        [
            "VACUUM seen",
            "CREATE INDEX CONCURRENTLY ON seen (value)",
            "CREATE /* now */ UNIQUE INDEX  concurrently ON seen (value)",
        ],
    )
    def test_what_may_not_be_in_a_transaction(self, execute, statement):
        with wanting("a"), defining("b"):
            execute(statement)

    def test_a_definition_carries_it_where_the_variable_says_so(self, execute):
        with defining("b"):
            execute("CREATE TEMP TABLE made AS SELECT current_setting('tests.definition') AS value")
        assert execute("SELECT value FROM made") == "b"


class TestAutocommitOff:
    @pytest.fixture(autouse=True)
    def _off(self, connection):
        transaction.set_autocommit(False)
        yield
        transaction.rollback()
        transaction.set_autocommit(True)

    def test_each_transaction_has_it(self, current):
        with wanting("a"):
            assert current() == "a"
            transaction.commit()
            assert current() == "a"
            transaction.rollback()
            assert current() == "a"
        assert current() == ""

    def test_a_scope_that_begins_with_a_copy(self, connection, execute):
        with wanting("a"), connection.cursor() as cursor:
            cursor.callproc("current_setting", ["tests.value"])
            assert cursor.fetchone() == ("a",)

    @pytest.mark.parametrize(
        "end",
        [transaction.commit, transaction.rollback, "COMMIT"],
        ids=["commit", "rollback", "text"],
    )
    def test_a_transaction_that_begins_with_a_copy(self, connection, execute, end):
        execute("ALTER TABLE seen ADD seen text DEFAULT current_setting('tests.value', true)")
        transaction.commit()
        with wanting("a"), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            end() if callable(end) else cursor.execute(end)
            with cursor.copy("COPY seen (value) FROM STDIN") as rows:
                rows.write_row(["1"])
            assert execute("SELECT seen FROM seen") == "a"
            assert execute("SELECT current_setting('tests.value')") == "a"

    def test_a_transaction_that_begins_with_callproc(self, connection, current):
        with wanting("a"), connection.cursor() as cursor:
            assert current() == "a"
            transaction.commit()
            cursor.callproc("current_setting", ["tests.value"])
            assert cursor.fetchone() == ("a",)
            assert current() == "a"

    @pytest.mark.parametrize("end", [transaction.commit, transaction.rollback])
    def test_a_transaction_that_the_raw_driver_begins(self, connection, current, end):
        with wanting("a"):
            assert current() == "a"
            end()
            connection.connection.execute("SELECT 1")
            assert current() == "a"

    def test_autocommit_can_be_turned_on_after_a_commit(self, connection, current):
        with wanting("a"):
            assert current() == "a"
            transaction.commit()
            transaction.set_autocommit(True)
            transaction.set_autocommit(False)
            assert current() == "a"
            transaction.rollback()
        transaction.set_autocommit(True)

    def test_a_chained_transaction_has_it(self, current, execute):
        with wanting("a"):
            assert current() == "a"
            execute("COMMIT AND CHAIN")
            assert current() == "a"

    def test_a_commit_opens_no_transaction(self, connection, execute):
        with wanting("a"):
            execute("SELECT 1")
            execute("COMMIT")
            assert connection.connection.info.transaction_status == TransactionStatus.IDLE


definition = Variable("tests.definition", lambda v, alias: v, statements=frozenset({"create"}))


class defining(wanting):
    def values(self):
        return {definition: self.value}


class TestConcurrency:
    def test_threads_do_not_see_each_others(self):
        seen, scope = [], wanting("a")

        def look():
            seen.append(variable.get())
            with scope:
                seen.append(variable.get())

        with scope:
            thread = threading.Thread(target=look)
            thread.start()
            thread.join()
            assert variable.get() == "a"
        assert seen == [None, "a"]

    def test_one_scope_may_be_entered_by_many_tasks(self):
        scope = wanting("a")
        turns = asyncio.Barrier if hasattr(asyncio, "Barrier") else None
        assert turns

        async def task(value, barrier):
            async with barrier:
                pass
            with wanting(value), scope:
                async with barrier:
                    pass
                assert variable.get() == "a"
            assert variable.get() is None

        async def main():
            barrier = asyncio.Barrier(2)
            await asyncio.gather(task("b", barrier), task("c", barrier))

        asyncio.run(main())

    def test_tasks_that_share_a_connection_do_not_see_each_others(self, connection):
        def insert_and_delete():
            connections[DEFAULT_DB_ALIAS] = connection
            with connection.cursor() as cursor:
                cursor.execute(INSERT)
                (value,) = cursor.fetchone()
                cursor.execute("DELETE FROM seen")
            return value

        async def task(value):
            with wanting(value):
                return {await sync_to_async(insert_and_delete)() for _ in range(10)}

        async def main():
            return await asyncio.gather(task("a"), task("b"), task(None))

        connection.inc_thread_sharing()
        assert asyncio.run(main()) == [{"a"}, {"b"}, {""}]
        connection.dec_thread_sharing()

    def test_a_decorated_coroutine_function(self):
        @wanting("a")
        async def inside():
            await asyncio.sleep(0)
            return variable.get(), await sync_to_async(variable.get)()

        assert asyncio.iscoroutinefunction(inside)
        assert asyncio.run(inside()) == ("a", "a")
        assert variable.get() is None

    def test_a_decorated_function(self):
        @wanting("a")
        def inside():
            """Say so."""
            return variable.get()

        assert (inside(), inside(), inside.__doc__) == ("a", "a", "Say so.")


class TestTheWrapper:
    def test_it_is_the_outermost_and_there_is_one(self, connection):
        Synchronizer.attach(connection)
        found = [w for w in connection.execute_wrappers if isinstance(w, Synchronizer)]
        assert found == connection.execute_wrappers[:1]

    def test_a_wrapper_open_while_the_connection_is_made_ends_by_itself(self, connection):
        connection.close()
        connection.execute_wrappers.clear()

        def other(execute, *args):
            return execute(*args)

        with connection.execute_wrapper(other), connection.cursor():
            pass
        assert [type(w) for w in connection.execute_wrappers] == [Synchronizer]
