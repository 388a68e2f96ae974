"""Transaction variables of statements that Django sends outside a transaction."""

import psycopg
import pytest
from django.db import (
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    transaction,
)
from django.db.transaction import atomic
from psycopg import sql
from psycopg.pq import TransactionStatus

from tests.pgtrigger.session.wanted import (
    INSERT,
    counting,
    defining,
    lose,
    skip_where_prepared,
    wanting,
)
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db


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
        """Statements after its COMMIT would not have the value."""
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
