"""``schema()``: the search_path while a block runs."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.transaction import atomic

import pgtrigger
from tests.pgtrigger.concurrent import shared_by_tasks
from tests.pgtrigger.models import Protected
from tests.pgtrigger.session.ignored import current
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db


def here():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM here")
        return cursor.fetchone()[0]


class TestSchema:
    def test_names_are_found_in_the_schema_in_a_transaction(self, schemas):
        before = current("search_path")
        with atomic():
            for name in schemas:
                with pgtrigger.schema(name):
                    assert here() == name
            assert current("search_path") == before
        assert current("search_path") == before

    def test_names_are_found_in_the_schema_in_autocommit(self, schemas):
        for name in schemas:
            with pgtrigger.schema(name):
                assert here() == name
        with pytest.raises(DatabaseError, match="does not exist"):
            here()

    def test_a_server_side_cursor_reads_the_schema_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.chunked_cursor() as cursor:
            cursor.execute("SELECT name FROM here")
            assert cursor.fetchone() == ("one",)

    def test_a_definition_goes_to_the_schema_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.cursor() as cursor:
            cursor.execute("CREATE TABLE made (n integer)")
            cursor.execute("SELECT to_regclass('one.made') IS NOT NULL")
            assert cursor.fetchone() == (True,)

    @pytest.mark.parametrize(
        "statement",
        [
            "EXPLAIN SELECT * FROM here",
            "TABLE here",
            "/* */ ANALYZE here",
            "GRANT SELECT ON here TO public",
            "DO $$ BEGIN PERFORM FROM here; END $$",
            "CALL noted()",
            "REFRESH MATERIALIZED VIEW copied",
            "PREPARE looking AS SELECT * FROM here",
            "DECLARE looking CURSOR WITH HOLD FOR SELECT * FROM here",
        ],
    )
    def test_every_statement_that_names_something_has_the_path_in_autocommit(
        self, schemas, statement
    ):
        with connection.cursor() as cursor:
            cursor.execute("CREATE MATERIALIZED VIEW one.copied AS SELECT 1 AS n")
            cursor.execute("CREATE PROCEDURE one.noted() LANGUAGE sql AS 'SELECT 1'")
            with pytest.raises(DatabaseError, match="does not exist"):
                cursor.execute(statement)
            with pgtrigger.schema("one"):
                cursor.execute(statement)

    def test_show_returns_the_path_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            assert cursor.fetchone()[0].strip('"') == "one"

    def test_an_explained_queryset_reads_the_schema_in_autocommit(self, schemas):
        with pgtrigger.schema("public"):
            assert "Scan" in Protected.objects.explain(analyze=True)

    @pytest.mark.parametrize(
        "statement",
        [
            "VACUUM one.here",
            "REINDEX TABLE CONCURRENTLY one.here",
            "CREATE INDEX CONCURRENTLY ON one.here (name)",
            "ALTER TABLE one.whole DETACH PARTITION one.part CONCURRENTLY",
            "SET statement_timeout = 0",
            "DISCARD ALL",
        ],
    )
    def test_a_statement_that_cannot_be_in_a_transaction_is_sent_as_it_is(self, schemas, statement):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE one.whole (n integer) PARTITION BY LIST (n)")
            cursor.execute("CREATE TABLE one.part PARTITION OF one.whole DEFAULT")
            cursor.execute("ALTER TABLE one.whole DETACH PARTITION one.part")
            cursor.execute("ALTER TABLE one.whole ATTACH PARTITION one.part FOR VALUES IN (1)")
            with pgtrigger.schema("public"), traffic(connection) as seen:
                cursor.execute(statement)
        assert seen.sent("BEGIN") == seen.sent("SET LOCAL") == 0

    def test_a_transaction_opened_by_a_statement_has_the_path(self, schemas):
        with pgtrigger.schema("one"), connection.cursor() as cursor:
            for statement in ("BEGIN", "CREATE TABLE made (n int)", "SAVEPOINT s", "ROLLBACK"):
                cursor.execute(statement)
            cursor.execute("SELECT to_regclass('one.made')")
            assert cursor.fetchone() == (None,)

    def test_a_statement_that_needs_a_transaction_still_fails_without_one(self, schemas):
        with (
            pgtrigger.schema("one"),
            pytest.raises(DatabaseError, match="transaction block"),
            connection.cursor() as cursor,
        ):
            cursor.execute("LOCK TABLE here")

    def test_an_inner_schema_replaces_the_outer_one_until_it_ends(self, schemas):
        with atomic(), pgtrigger.schema("one", "public"):
            with pgtrigger.schema('a "two"'):
                assert here() == 'a "two"'
            assert here() == "one"
            assert current("search_path") == "one, public"

    def test_the_transactions_own_path_is_restored(self, schemas):
        with atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = one, \"$user\", 'x,y'")
            before = current("search_path")
            for _ in range(2):
                with pgtrigger.schema("public"):
                    pass
                assert current("search_path") == before

    def test_an_empty_path_is_restored(self, committing):
        with atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = ''")
            with pgtrigger.schema("public"):
                pass
            assert current("search_path") == '""'

    def test_a_decorated_function_reads_the_schema(self, schemas):
        @pgtrigger.schema("one")
        def look():
            return here()

        @pgtrigger.schema("one")
        async def look_later():
            return await sync_to_async(here)()

        assert look() == "one"
        with shared_by_tasks(connections[DEFAULT_DB_ALIAS]):
            assert asyncio.run(look_later()) == "one"

    def test_the_path_is_set_on_the_named_database_only(self, schemas):
        with atomic():
            before = current("search_path")
            with pgtrigger.schema("one", databases=["other"]):
                assert current("search_path") == before

    def test_a_schema_for_another_database_inside_changes_nothing_here(self, schemas):
        with (
            pgtrigger.schema("one", databases=["default"]),
            pgtrigger.schema("two", databases=["other"]),
        ):
            assert here() == "one"
            with atomic():
                assert here() == "one"

    def test_a_schema_for_one_database_replaces_the_one_for_all_there(self, schemas):
        with pgtrigger.schema("public"):
            with pgtrigger.schema("one", databases=["default"]):
                assert here() == "one"
            with atomic():
                assert current("search_path") == "public"

    def test_a_schema_is_required(self):
        with pytest.raises(ValueError, match="at least one schema"):
            pgtrigger.schema()

    def test_entering_a_session_leaves_the_path_as_it_is(self):
        before = current("search_path")
        with pgtrigger.schema.session(databases=["default"]):
            assert current("search_path") == before
