"""Transaction variables in transactions: what the server has is what Python wants."""

import asyncio
import contextlib
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import (
    DatabaseError,
    OperationalError,
    transaction,
)
from django.db.transaction import atomic
from psycopg import sql

from pgtrigger.session import scopes
from pgtrigger.session.synchronizer import Synchronizer
from tests import savepoint_create
from tests.pgtrigger.concurrent import shared_by_tasks
from tests.pgtrigger.session.wanted import (
    INSERT,
    counting,
    lose,
    skip_where_prepared,
    variable,
    wanting,
)
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db


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

        with shared_by_tasks(connection):
            assert asyncio.run(main()) == [{"a"}, {"b"}, {""}]

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
