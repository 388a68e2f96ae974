"""``ignore()`` in threads, tasks and transactions, for deferred rules, and as a setting."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError, connection
from django.db.models import Value
from django.db.transaction import atomic

import pgtrigger
from pgtrigger.triggers import registry
from tests.pgtrigger.concurrent import shared_by_tasks
from tests.pgtrigger.models import Deferred, Protected
from tests.pgtrigger.session.ignored import current, is_deleted

pytestmark = pytest.mark.django_db

NO_DELETE = "pgtrigger_tests.Protected:no_delete"
NO_NEGATIVE = "pgtrigger_tests.Protected:no_negative"
LATE = "pgtrigger_tests.Deferred:late"


class TestConcurrency:
    def test_another_thread_ignores_nothing(self):
        seen = []
        with pgtrigger.ignore(NO_DELETE):
            thread = threading.Thread(target=lambda: seen.append(pgtrigger.is_ignored(NO_DELETE)))
            thread.start()
            thread.join()
        assert seen == [False]

    def test_the_asynchronous_orm_ignores_the_rule(self, committing):
        async def main():
            row = await Protected.objects.acreate()
            with pgtrigger.ignore(NO_DELETE):
                await row.adelete()
            row = await Protected.objects.acreate(number=1)
            with pytest.raises(pgtrigger.ProtectedError):
                await row.adelete()

        with shared_by_tasks(committing):
            asyncio.run(main())

    def test_tasks_do_not_see_each_others_scopes(self, committing):
        async def ignoring():
            with pgtrigger.ignore(NO_DELETE):
                return [await sync_to_async(is_deleted)() for _ in range(5)]

        async def heeding():
            return [await sync_to_async(is_deleted)() for _ in range(5)]

        async def main():
            return await asyncio.gather(ignoring(), heeding())

        with shared_by_tasks(committing):
            assert asyncio.run(main()) == [[True] * 5, [False] * 5]


class TestInAndOutOfTransactions:
    def test_a_rule_is_ignored_in_autocommit(self, committing):
        row = Protected.objects.create()
        with pgtrigger.ignore(NO_DELETE):
            row.delete()
        assert not Protected.objects.exists()

    def test_a_rule_is_ignored_while_an_iterator_is_read_in_autocommit(self, committing):
        Protected.objects.bulk_create([Protected(), Protected()])
        with pgtrigger.ignore():
            for row in Protected.objects.iterator(chunk_size=1):
                row.delete()
        assert not Protected.objects.exists()

    def test_the_orms_statements_are_not_changed(self):
        rows = Protected.objects.bulk_create(Protected(number=n) for n in range(3))
        with pgtrigger.ignore(Protected):
            Protected.objects.bulk_update([Protected(pk=r.pk, number=-1) for r in rows], ["number"])
            Protected.objects.annotate(percent=Value("100%")).filter(percent="100%").delete()
        assert not Protected.objects.exists()

    def test_it_adds_no_query_in_a_transaction(self, django_assert_num_queries):
        with pgtrigger.ignore(), django_assert_num_queries(3), atomic():
            Protected.objects.create()

    def test_it_adds_no_query_in_autocommit(self, committing, django_assert_num_queries):
        with pgtrigger.ignore(), django_assert_num_queries(1, connection=committing):
            Protected.objects.create()

    def test_an_error_inside_is_not_changed(self):
        def fail():
            with atomic(), pgtrigger.ignore(), connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")

        with pytest.raises(DatabaseError, match="division by zero"):
            fail()


class TestDeferredTriggers:
    def test_a_deferred_rule_fires_if_the_scope_ends_before_the_commit(self, committing):
        Deferred.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), atomic(), pgtrigger.ignore(LATE):
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 0

    def test_a_deferred_rule_fires_if_asynchronous_code_leaves_the_scope_before_the_commit(
        self, committing
    ):
        Deferred.objects.create()

        async def update():
            with pgtrigger.ignore(LATE):
                await Deferred.objects.aupdate(number=1)

        with pytest.raises(pgtrigger.ProtectedError), atomic():
            async_to_sync(update)()
        assert Deferred.objects.get().number == 0

    @pytest.mark.parametrize("triggers", [(), (LATE,), (Deferred,)])
    def test_no_deferred_rule_fires_if_the_scope_lasts_until_the_commit(self, committing, triggers):
        Deferred.objects.create()
        with pgtrigger.ignore(*triggers), atomic():
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 1

    def test_no_deferred_rule_fires_in_autocommit(self, committing):
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

    def test_the_setting_names_triggers_with_their_table_and_alone(self):
        pgid = registry.find(NO_DELETE)[1].get_pgid(Protected)
        with pgtrigger.ignore(NO_DELETE):
            assert self.elements() == [f"pgtrigger_tests_protected:{pgid}", pgid]

    def test_the_setting_names_every_trigger_if_all_are_ignored(self):
        with pgtrigger.ignore():
            named = set(self.elements())
        assert {registry.ignore_key(*pair) for pair in pgtrigger.registered()} <= named

    def test_the_setting_names_all_triggers_but_the_kept_ones(self):
        with pgtrigger.ignore.others(NO_DELETE):
            named = set(self.elements())
        assert registry.ignore_key(*registry.find(NO_DELETE)) not in named
        assert registry.ignore_key(*registry.find(NO_NEGATIVE)) in named

    def test_the_setting_can_contain_any_name_of_a_table(self):
        key = "pgtrigger_tests.SoftWhen:soft"
        with pgtrigger.ignore(key):
            assert self.elements()[0] == registry.ignore_key(*registry.find(key))

    def test_the_setting_is_empty_after_the_scope(self):
        with pgtrigger.ignore():
            pass
        assert current("pgtrigger.ignore") == ""
