"""ignore(), schema() and constraints(), on real tables with real rules."""

import asyncio
import contextlib
import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.db.models import IntegerField, Value
from django.db.transaction import atomic
from psycopg import sql

import pgtrigger
from pgtrigger.triggers import registry
from tests.pgtrigger.models import Deferred, Frozen, Guarded, Plain, Protected
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db

NO_DELETE = "pgtrigger_tests.Protected:no_delete"
NO_NEGATIVE = "pgtrigger_tests.Protected:no_negative"
LATE = "pgtrigger_tests.Deferred:late"


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


def is_deleted():
    """Return whether the rule against deleting lets a row be deleted here."""
    with atomic():
        Protected.objects.create()
    try:
        with atomic():
            Protected.objects.all().delete()
    except pgtrigger.ProtectedError:
        return False
    return True


def is_negated():
    """Return whether the rule against negative numbers lets one be written here."""
    Protected.objects.create()
    try:
        with atomic():
            Protected.objects.update(number=-1)
    except pgtrigger.ProtectedError:
        return False
    return True


def current(setting, using=DEFAULT_DB_ALIAS):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [setting])
        return cursor.fetchone()[0] or ""


class TestWhatIsIgnored:
    def test_everything(self):
        with pgtrigger.ignore():
            assert is_deleted()
            assert is_negated()
        assert not is_deleted()

    def test_a_uri(self):
        with pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
            assert not is_negated()

    def test_several_uris(self):
        with pgtrigger.ignore(NO_DELETE, NO_NEGATIVE):
            assert is_deleted()
            assert is_negated()

    def test_a_model(self):
        with pgtrigger.ignore(Protected):
            assert is_deleted()
            assert is_negated()
        with pgtrigger.ignore(Frozen):
            assert not is_deleted()

    def test_a_model_with_what_its_proxies_declare(self, make_model):
        rule = pgtrigger.Protect(name="rule", operation=pgtrigger.Delete)
        base = make_model()
        proxy = make_model(bases=(base,), meta={"proxy": True}, table=False, triggers=[rule])
        rule.install(proxy)
        for named in (base, proxy):
            base.objects.create()
            with pgtrigger.ignore(named):
                base.objects.all().delete()
        base.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), pgtrigger.ignore.others(base), atomic():
            base.objects.all().delete()

    def test_a_trigger(self):
        _, trigger = registry.find(NO_NEGATIVE)
        with pgtrigger.ignore(trigger):
            assert is_negated()
            assert not is_deleted()

    def test_all_others(self):
        with pgtrigger.ignore.others(NO_DELETE):
            assert is_negated()
            assert not is_deleted()
        with pgtrigger.ignore.others(Protected):
            assert not is_negated()

    def test_the_same_again(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()


def test_an_ignored_rule_on_update_and_delete_lets_both_happen(make_model):
    # A row-level BEFORE trigger cancels a DELETE if it returns NEW, which is NULL there.
    model = make_model(
        number=IntegerField(),
        triggers=[
            pgtrigger.Protect(name="keep", operation=pgtrigger.Update | pgtrigger.Delete),
        ],
    )
    model.objects.create(number=1)
    with pgtrigger.ignore():
        assert model.objects.update(number=2) == 1
        assert model.objects.get().number == 2
        assert model.objects.all().delete()[0] == 1
    assert not model.objects.exists()


class TestNesting:
    """A trigger that is ignored outside stays ignored inside."""

    def test_a_uri_in_a_uri(self):
        with pgtrigger.ignore(NO_DELETE):
            with pgtrigger.ignore(NO_NEGATIVE):
                assert is_deleted()
                assert is_negated()
            assert not is_negated()

    def test_a_uri_in_everything(self):
        with pgtrigger.ignore(), pgtrigger.ignore(NO_DELETE):
            assert is_negated()

    def test_everything_in_a_uri(self):
        with pgtrigger.ignore(NO_DELETE):
            with pgtrigger.ignore():
                assert is_negated()
            assert not is_negated()
            assert is_deleted()

    def test_others_in_a_uri(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore.others(NO_DELETE):
            assert is_deleted()
            assert is_negated()

    def test_a_uri_in_others(self):
        with pgtrigger.ignore.others(Protected), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
            assert not is_negated()

    def test_others_in_others(self):
        with pgtrigger.ignore.others(NO_DELETE), pgtrigger.ignore.others(NO_NEGATIVE):
            assert is_deleted()
            assert is_negated()

    def test_sessions_change_nothing(self):
        with pgtrigger.ignore.session(), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
        with pgtrigger.ignore.session(databases=["default"]):
            assert not is_deleted()


class TestIsIgnored:
    def test_by_each_way_to_ignore(self):
        assert not pgtrigger.is_ignored(NO_DELETE)
        for scope in (
            pgtrigger.ignore(),
            pgtrigger.ignore(NO_DELETE),
            pgtrigger.ignore(Protected),
            pgtrigger.ignore.others(NO_NEGATIVE),
        ):
            with scope:
                assert pgtrigger.is_ignored(NO_DELETE)
        with pgtrigger.ignore.others(NO_DELETE):
            assert not pgtrigger.is_ignored(NO_DELETE)

    def test_on_a_database(self):
        with pgtrigger.ignore(NO_DELETE, databases=["other"]):
            assert pgtrigger.is_ignored(NO_DELETE)
            assert pgtrigger.is_ignored(NO_DELETE, "other")
            assert not pgtrigger.is_ignored(NO_DELETE, "default")

    def test_never_what_cannot_be(self):
        with pgtrigger.ignore():
            assert not pgtrigger.is_ignored("pgtrigger_tests.Guarded:always")


class TestDatabases:
    def test_one_is_named(self):
        with pgtrigger.ignore(NO_DELETE, databases=["default"]):
            assert is_deleted()
        with pgtrigger.ignore(NO_DELETE, databases=["other"]):
            assert not is_deleted()

    def test_a_scope_of_another_sends_nothing(self):
        with traffic(connection) as seen, pgtrigger.ignore(databases=["other"]):
            pass
        assert seen.round_trips == 0

    def test_each_has_what_is_ignored_there(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore(NO_NEGATIVE, databases=["other"]):
            assert is_deleted()
            assert not is_negated()
            assert pgtrigger.is_ignored(NO_DELETE, "other")
            assert pgtrigger.is_ignored(NO_NEGATIVE, "other")

    @pytest.mark.django_db(databases=["default", "other"])
    def test_all_without_a_name(self):
        with pgtrigger.ignore(NO_DELETE), atomic(using="other"):
            assert "pgtrigger_tests_protected" in current("pgtrigger.ignore", using="other")

    def test_an_unknown_one_is_refused(self):
        with pytest.raises(Exception, match="nowhere"):
            pgtrigger.ignore(databases=["nowhere"])

    def test_a_text_is_refused(self):
        with pytest.raises(TypeError, match="databases takes a list of aliases: found 'default'"):
            pgtrigger.ignore(databases="default")


class TestBadInput:
    @pytest.mark.parametrize("uri", ["no_delete", "pgtrigger_tests.Protected", "a:b:c", ""])
    def test_what_is_no_uri_is_refused_at_once(self, uri):
        with pytest.raises(ValueError, match="must be in the format"):
            pgtrigger.ignore(uri)

    def test_an_unknown_uri_is_refused_on_entry(self):
        """It is a decorator in class bodies, where the model is not there yet."""
        scope = pgtrigger.ignore("pgtrigger_tests.Protected:unknown")
        with pytest.raises(KeyError, match="not found"), scope:
            pass

    def test_a_model_without_triggers_is_refused(self):
        with pytest.raises(KeyError, match=r"Plain.* has none declared"), pgtrigger.ignore(Plain):
            pass

    @pytest.mark.parametrize("named", [1, None, object, ["a.B:c"]])
    def test_anything_else_is_refused_at_once(self, named):
        with pytest.raises(TypeError, match="takes URIs, models and triggers"):
            pgtrigger.ignore(named)

    def test_what_cannot_be_ignored_is_refused(self):
        with (
            pytest.raises(ValueError, match="declared with ignorable=False"),
            pgtrigger.ignore("pgtrigger_tests.Guarded:always"),
        ):
            pass

    def test_a_refused_scope_leaves_nothing_behind(self):
        with (
            contextlib.suppress(KeyError),
            pgtrigger.ignore(NO_DELETE),
            pgtrigger.ignore("pgtrigger_tests.Protected:unknown"),
        ):
            pass
        assert not pgtrigger.is_ignored(NO_DELETE)


class TestWhatCannotBeIgnored:
    @pytest.mark.parametrize("scope", [pgtrigger.ignore(), pgtrigger.ignore(Guarded)])
    def test_it_holds_inside(self, scope):
        row = Guarded.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), scope, atomic():
            row.delete()


class TestDecorator:
    def test_of_a_function(self):
        @pgtrigger.ignore(NO_DELETE)
        def inside():
            return is_deleted()

        assert inside()
        assert inside()
        assert not is_deleted()

    def test_of_a_method_before_the_model_is_there(self):
        class Service:
            @pgtrigger.ignore("pgtrigger_tests.NotYet:rule")
            def run(self):
                return 1

        with pytest.raises(KeyError, match="not found"):
            Service().run()

    def test_of_a_coroutine_function(self):
        @pgtrigger.ignore(NO_DELETE)
        async def inside():
            await asyncio.sleep(0)
            return pgtrigger.is_ignored(NO_DELETE)

        assert asyncio.run(inside())
        assert not pgtrigger.is_ignored(NO_DELETE)


class TestConcurrency:
    def test_a_thread_does_not_see_it(self):
        seen = []
        with pgtrigger.ignore(NO_DELETE):
            thread = threading.Thread(target=lambda: seen.append(pgtrigger.is_ignored(NO_DELETE)))
            thread.start()
            thread.join()
        assert seen == [False]

    def test_the_async_orm_carries_it(self, committing):
        def here():
            connections[DEFAULT_DB_ALIAS] = committing

        async def main():
            await sync_to_async(here)()
            row = await Protected.objects.acreate()
            with pgtrigger.ignore(NO_DELETE):
                await row.adelete()
            row = await Protected.objects.acreate(number=1)
            with pytest.raises(pgtrigger.ProtectedError):
                await row.adelete()

        committing.inc_thread_sharing()
        asyncio.run(main())
        committing.dec_thread_sharing()

    def test_tasks_do_not_see_each_others(self, committing):
        def delete():
            connections[DEFAULT_DB_ALIAS] = committing
            return is_deleted()

        async def ignoring():
            with pgtrigger.ignore(NO_DELETE):
                return [await sync_to_async(delete)() for _ in range(5)]

        async def heeding():
            return [await sync_to_async(delete)() for _ in range(5)]

        async def main():
            return await asyncio.gather(ignoring(), heeding())

        committing.inc_thread_sharing()
        assert asyncio.run(main()) == [[True] * 5, [False] * 5]
        committing.dec_thread_sharing()


class TestInAndOutOfTransactions:
    def test_in_autocommit(self, committing):
        row = Protected.objects.create()
        with pgtrigger.ignore(NO_DELETE):
            row.delete()
        assert not Protected.objects.exists()

    def test_an_iterator_in_autocommit(self, committing):
        Protected.objects.bulk_create([Protected(), Protected()])
        with pgtrigger.ignore():
            for row in Protected.objects.iterator(chunk_size=1):
                row.delete()
        assert not Protected.objects.exists()

    def test_statements_of_the_orm(self):
        rows = Protected.objects.bulk_create(Protected(number=n) for n in range(3))
        with pgtrigger.ignore(Protected):
            Protected.objects.bulk_update([Protected(pk=r.pk, number=-1) for r in rows], ["number"])
            Protected.objects.annotate(percent=Value("100%")).filter(percent="100%").delete()
        assert not Protected.objects.exists()

    def test_the_count_of_queries_in_a_transaction_is_as_outside(self, django_assert_num_queries):
        with pgtrigger.ignore(), django_assert_num_queries(3), atomic():
            Protected.objects.create()

    def test_the_count_of_queries_in_autocommit_is_as_outside(
        self, committing, django_assert_num_queries
    ):
        with pgtrigger.ignore(), django_assert_num_queries(1, connection=committing):
            Protected.objects.create()

    def test_an_error_inside_comes_out_as_it_is(self):
        def fail():
            with atomic(), pgtrigger.ignore(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

        with pytest.raises(DatabaseError, match="division by zero"):
            fail()


class TestDeferredTriggers:
    def test_one_fires_where_the_scope_ends_before_the_commit(self, committing):
        Deferred.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), atomic(), pgtrigger.ignore(LATE):
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 0

    def test_one_fires_where_asynchronous_code_leaves_the_scope_before_the_commit(self, committing):
        Deferred.objects.create()

        async def update():
            with pgtrigger.ignore(LATE):
                await Deferred.objects.aupdate(number=1)

        with pytest.raises(pgtrigger.ProtectedError), atomic():
            async_to_sync(update)()
        assert Deferred.objects.get().number == 0

    @pytest.mark.parametrize("triggers", [(), (LATE,), (Deferred,)])
    def test_none_fires_where_it_lasts_until_then(self, committing, triggers):
        Deferred.objects.create()
        with pgtrigger.ignore(*triggers), atomic():
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 1

    def test_none_fires_in_autocommit(self, committing):
        Deferred.objects.create()
        with pgtrigger.ignore(LATE):
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 1


class TestTheSetting:
    """Functions that the PyPI package installed read it as an array of texts."""

    def elements(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('pgtrigger.ignore')::text[]")
            return cursor.fetchone()[0]

    def test_it_names_triggers_with_their_table_and_alone(self):
        pgid = registry.find(NO_DELETE)[1].get_pgid(Protected)
        with pgtrigger.ignore(NO_DELETE):
            assert self.elements() == [f"pgtrigger_tests_protected:{pgid}", pgid]

    def test_it_names_every_trigger_where_all_are_ignored(self):
        with pgtrigger.ignore():
            named = set(self.elements())
        assert {registry.ignore_key(*pair) for pair in pgtrigger.registered()} <= named

    def test_it_names_all_but_those_that_are_kept(self):
        with pgtrigger.ignore.others(NO_DELETE):
            named = set(self.elements())
        assert registry.ignore_key(*registry.find(NO_DELETE)) not in named
        assert registry.ignore_key(*registry.find(NO_NEGATIVE)) in named

    def test_a_table_of_any_name(self):
        key = "pgtrigger_tests.SoftWhen:soft"
        with pgtrigger.ignore(key):
            assert self.elements()[0] == registry.ignore_key(*registry.find(key))

    def test_it_is_empty_after(self):
        with pgtrigger.ignore():
            pass
        assert current("pgtrigger.ignore") == ""


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


def here():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM here")
        return cursor.fetchone()[0]


class TestSchema:
    def test_in_a_transaction(self, schemas):
        before = current("search_path")
        with atomic():
            for name in schemas:
                with pgtrigger.schema(name):
                    assert here() == name
            assert current("search_path") == before
        assert current("search_path") == before

    def test_in_autocommit(self, schemas):
        for name in schemas:
            with pgtrigger.schema(name):
                assert here() == name
        with pytest.raises(DatabaseError, match="does not exist"):
            here()

    def test_a_server_side_cursor_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.chunked_cursor() as cursor:
            cursor.execute("SELECT name FROM here")
            assert cursor.fetchone() == ("one",)

    def test_a_definition_in_autocommit(self, schemas):
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
    def test_whatever_names_something_in_autocommit(self, schemas, statement):
        with connection.cursor() as cursor:
            cursor.execute("CREATE MATERIALIZED VIEW one.copied AS SELECT 1 AS n")
            cursor.execute("CREATE PROCEDURE one.noted() LANGUAGE sql AS 'SELECT 1'")
            with pgtrigger.schema("one"):
                cursor.execute(statement)

    def test_it_is_what_show_says_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.cursor() as cursor:
            cursor.execute("SHOW search_path")
            assert cursor.fetchone()[0].strip('"') == "one"

    def test_an_explained_queryset_in_autocommit(self, schemas):
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
    def test_what_may_not_be_in_a_transaction_goes_as_it_is(self, schemas, statement):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE one.whole (n integer) PARTITION BY LIST (n)")
            cursor.execute("CREATE TABLE one.part PARTITION OF one.whole DEFAULT")
            cursor.execute("ALTER TABLE one.whole DETACH PARTITION one.part")
            cursor.execute("ALTER TABLE one.whole ATTACH PARTITION one.part FOR VALUES IN (1)")
            with pgtrigger.schema("public"):
                cursor.execute(statement)

    def test_a_transaction_by_statements_in_autocommit(self, schemas):
        with pgtrigger.schema("one"), connection.cursor() as cursor:
            for statement in ("BEGIN", "CREATE TABLE made (n int)", "SAVEPOINT s", "ROLLBACK"):
                cursor.execute(statement)
            cursor.execute("SELECT to_regclass('one.made')")
            assert cursor.fetchone() == (None,)

    def test_what_needs_the_users_own_transaction_still_says_so(self, schemas):
        with (
            pgtrigger.schema("one"),
            pytest.raises(DatabaseError, match="transaction block"),
            connection.cursor() as cursor,
        ):
            cursor.execute("LOCK TABLE here")

    def test_nested(self, schemas):
        with atomic(), pgtrigger.schema("one", "public"):
            with pgtrigger.schema('a "two"'):
                assert here() == 'a "two"'
            assert here() == "one"
            assert current("search_path") == "one, public"

    def test_it_gives_back_what_the_transaction_had(self, schemas):
        with atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = one, \"$user\", 'x,y'")
            before = current("search_path")
            for _ in range(2):
                with pgtrigger.schema("public"):
                    pass
                assert current("search_path") == before

    def test_it_gives_back_an_empty_path(self, committing):
        with atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL search_path = ''")
            with pgtrigger.schema("public"):
                pass
            assert current("search_path") == '""'

    def test_as_a_decorator(self, schemas):
        @pgtrigger.schema("one")
        def look():
            return here()

        @pgtrigger.schema("one")
        async def look_later():
            return await sync_to_async(look_here)()

        def look_here():
            connections[DEFAULT_DB_ALIAS] = own
            return here()

        own = connections[DEFAULT_DB_ALIAS]
        assert look() == "one"
        own.inc_thread_sharing()
        assert asyncio.run(look_later()) == "one"
        own.dec_thread_sharing()

    def test_databases(self, schemas):
        with atomic():
            before = current("search_path")
            with pgtrigger.schema("one", databases=["other"]):
                assert current("search_path") == before

    def test_one_for_another_database_inside(self, schemas):
        with (
            pgtrigger.schema("one", databases=["default"]),
            pgtrigger.schema("two", databases=["other"]),
        ):
            assert here() == "one"
            with atomic():
                assert here() == "one"

    def test_one_for_this_database_inside_one_for_all(self, schemas):
        with pgtrigger.schema("public"):
            with pgtrigger.schema("one", databases=["default"]):
                assert here() == "one"
            with atomic():
                assert current("search_path") == "public"

    def test_it_needs_one(self):
        with pytest.raises(ValueError, match="at least one schema"):
            pgtrigger.schema()

    def test_a_session_changes_nothing(self):
        with pgtrigger.schema.session(databases=["default"]):
            pass


def late():
    return pgtrigger.Protect(
        name="late", when=pgtrigger.After, operation=pgtrigger.Update, timing=pgtrigger.Deferred
    )


class TestConstraints:
    def test_a_deferred_trigger_fires_at_once(self, committing):
        Deferred.objects.create()
        with atomic():
            pgtrigger.constraints(pgtrigger.Immediate, LATE)
            with pytest.raises(pgtrigger.ProtectedError), atomic():
                Deferred.objects.update(number=1)

    def test_or_at_the_commit_again(self, committing):
        Deferred.objects.create()

        def update():
            with atomic():
                pgtrigger.constraints(pgtrigger.Immediate, LATE)
                pgtrigger.constraints(pgtrigger.Deferred, LATE)
                Deferred.objects.update(number=1)
                assert Deferred.objects.get().number == 1

        with pytest.raises(pgtrigger.ProtectedError):
            update()

    def test_all_deferrable_ones_without_a_uri(self):
        Deferred.objects.create()
        pgtrigger.constraints(pgtrigger.Immediate)
        with pytest.raises(pgtrigger.ProtectedError), atomic():
            Deferred.objects.update(number=1)

    def test_a_table_in_a_schema_that_is_not_in_the_path(self, schemas, make_model):
        model = make_model(
            meta={"db_table": '"one"."made"'}, number=IntegerField(default=0), triggers=[late()]
        )
        model.objects.create()
        for uris in ((late().get_uri(model),), ()):
            with atomic():
                pgtrigger.constraints(pgtrigger.Immediate, *uris)
                with pytest.raises(pgtrigger.ProtectedError), atomic():
                    model.objects.update(number=1)
                pgtrigger.constraints(pgtrigger.Deferred, *uris)

    def test_one_that_is_not_installed_is_no_matter_unless_it_is_named(self, make_model):
        model = make_model(table=False, triggers=[late()])
        pgtrigger.constraints(pgtrigger.Immediate)
        with pytest.raises(DatabaseError, match="does not exist"), atomic():
            pgtrigger.constraints(pgtrigger.Immediate, late().get_uri(model))

    def test_it_sets_what_is_pending_off(self):
        Deferred.objects.create()

        def update_and_set():
            Deferred.objects.update(number=1)
            pgtrigger.constraints(pgtrigger.Immediate, LATE)

        with pytest.raises(pgtrigger.ProtectedError), atomic():
            update_and_set()

    def test_a_trigger_that_is_not_deferrable_is_refused(self):
        with pytest.raises(ValueError, match="is not deferrable"):
            pgtrigger.constraints(pgtrigger.Immediate, NO_DELETE)

    def test_it_needs_a_transaction(self, committing):
        with pytest.raises(RuntimeError, match='"default" is not in a transaction'):
            pgtrigger.constraints(pgtrigger.Immediate, LATE)

    def test_a_database_that_is_named_must_be_in_one(self):
        with pytest.raises(RuntimeError, match='"other" is not in a transaction'):
            pgtrigger.constraints(pgtrigger.Immediate, LATE, databases=["default", "other"])

    def test_a_timing_is_needed(self):
        with pytest.raises(ValueError, match="Invalid timing 'IMMEDIATE'"):
            pgtrigger.constraints("IMMEDIATE", LATE)

    def test_an_unknown_uri_is_refused(self):
        with pytest.raises(KeyError, match="not found"):
            pgtrigger.constraints(pgtrigger.Immediate, "pgtrigger_tests.Deferred:unknown")
