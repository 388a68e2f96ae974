"""``context()``: who or what made a change."""

import asyncio
import contextlib
import datetime
import json
import math
import threading
import uuid

import pytest
from django.db import connection, connections, models, transaction

import pghistory
import pgtrigger
from pghistory import legacy
from pghistory.models import Context
from pghistory.writing import context
from tests.pghistory.models import Account, RowLevel, StatementLevel

pytestmark = pytest.mark.django_db
committing = pytest.mark.django_db(
    transaction=True, available_apps=["pghistory", "tests.pghistory"]
)
NUL = "a\0b"


@pytest.fixture(params=[RowLevel, StatementLevel], ids=["row", "statement"])
def model(request):
    return request.param


def said(model):
    """The metadata of each event, in order."""
    return list(
        model.pgh_event_model.objects.order_by("pgh_id").values_list(
            "pgh_context__metadata", flat=True
        )
    )


class TestScope:
    def test_changes_inside_share_one_row(self, model):
        with pghistory.context(user=1) as opened:
            model.objects.create(number=1)
            model.objects.create(number=2)
        model.objects.create(number=3)
        assert said(model) == [{"user": 1}, {"user": 1}, None]
        assert Context.objects.get().id == opened.id

    def test_an_inner_one_joins_and_what_it_adds_stays(self, model):
        with pghistory.context(user=1) as opened:
            with pghistory.context(reason="import"):
                model.objects.create(number=1)
            model.objects.create(number=2)
            assert opened.metadata == {"user": 1, "reason": "import"}
        assert said(model) == [{"user": 1, "reason": "import"}] * 2

    def test_a_bare_call_adds_to_the_open_one(self, model):
        with pghistory.context(user=1):
            model.objects.create(number=1)
            pghistory.context(user=2, late=True)
            model.objects.create(number=2)
        assert said(model) == [{"user": 2, "late": True}] * 2

    def test_a_bare_call_does_nothing_outside(self, model):
        pghistory.context(user=1)
        model.objects.create(number=1)
        assert said(model) == [None]

    def test_a_decorator_does_not_leak(self, model):
        @pghistory.context(job="nightly")
        def work(**more):
            pghistory.context(**more)
            model.objects.create(number=1)

        work(first=True)
        work(second=True)
        assert said(model) == [
            {"job": "nightly", "first": True},
            {"job": "nightly", "second": True},
        ]

    def test_a_decorator_adds_nothing_where_it_is_evaluated(self, model):
        with pghistory.context(user=1, job="request") as opened:

            @pghistory.context(job="nightly")
            @pghistory.context(step="load")
            def work():
                model.objects.create(number=1)

            model.objects.create(number=2)
            assert opened.metadata == {"user": 1, "job": "request"}
        work()
        assert said(model) == [
            {"user": 1, "job": "request"},
            {"job": "nightly", "step": "load"},
        ]

    def test_what_was_said_after_a_decorator_was_made_stays(self):
        with pghistory.context(user=1) as opened:
            decorate = pghistory.context(user=2, job="nightly")
            pghistory.context(user=3)
            decorate(lambda: None)
            assert opened.metadata == {"user": 3}

    def test_a_key_may_have_any_name(self, model):
        with pghistory.context(**{"self": 1, "metadata": 2}):
            model.objects.create(number=1)
        assert said(model) == [{"self": 1, "metadata": 2}]

    def test_an_error_inside_closes_it(self, model):
        with pytest.raises(ZeroDivisionError), pghistory.context(user=1):
            raise ZeroDivisionError
        model.objects.create(number=1)
        assert said(model) == [None]

    def test_a_statement_without_events_writes_no_row(self, model):
        with pghistory.context(user=1):
            model.objects.update(number=5)
        assert not Context.objects.exists()


class TestWays:
    def test_executemany_has_the_context(self, model):
        with pghistory.context(user=1), connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {model._meta.db_table} (number) VALUES (%s)", [(1,), (2,)]
            )
        assert said(model) == [{"user": 1}] * 2

    def test_copy_has_the_context(self, model):
        table = model._meta.db_table
        with (
            pghistory.context(user=1),
            connection.cursor() as cursor,
            cursor.copy(f"COPY {table} (number) FROM STDIN") as to,
        ):
            to.write("7\n")
        assert said(model) == [{"user": 1}]

    def test_percent_signs_and_quotes(self, model):
        text = "100 % 'quoted' %s \\ {x} é 🦉"
        with pghistory.context(text=text):
            model.objects.create(number=1)
        assert said(model) == [{"text": text}]

    @pytest.mark.django_db(databases=["default", "other"])
    def test_every_database_has_the_context(self, model):
        with pghistory.context(user=1):
            for alias in ("default", "other"):
                model.objects.using(alias).create(number=1)
        for alias in ("default", "other"):
            event = model.pgh_event_model.objects.using(alias).get()
            assert event.pgh_context.metadata == {"user": 1}

    @committing
    def test_a_write_in_autocommit_has_the_context(self, model):
        with pghistory.context(user=1):
            model.objects.create(number=1)
        model.objects.create(number=2)
        assert said(model) == [{"user": 1}, None]

    @committing
    def test_several_transactions_of_one_context(self, model):
        with pghistory.context(user=1):
            model.objects.create(number=1)
            pghistory.context(second=True, steps=[1, 2])
            model.objects.create(number=2)
            pghistory.context(steps=[1])
            model.objects.create(number=3)
        assert said(model) == [{"user": 1, "second": True, "steps": [1, 2]}] * 3


class TestSavepoints:
    def test_a_rollback_takes_the_row_and_the_mark_back(self, model):
        with pghistory.context(user=1):
            with transaction.atomic():
                model.objects.create(number=1)
                transaction.set_rollback(True)
            assert not Context.objects.exists()
            model.objects.create(number=2)
        assert said(model) == [{"user": 1}]

    def test_the_row_is_written_once_in_a_transaction(self, model):
        before = rows_written()
        with pghistory.context(user=1):
            for number in range(3):
                model.objects.create(number=number)
        assert rows_written() - before == 1


def rows_written():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_get_xact_tuples_inserted(c) + pg_stat_get_xact_tuples_updated(c) "
            "FROM CAST('pghistory_context' AS regclass) AS c"
        )
        return cursor.fetchone()[0]


class TestOthers:
    def test_threads_do_not_see_it(self):
        seen = []
        with pghistory.context(user=1):
            thread = threading.Thread(target=lambda: seen.append(context.current()))
            thread.start()
            thread.join()
        assert seen == [None]

    def test_tasks_do_not_see_each_others(self):
        async def task(number):
            with pghistory.context(number=number) as opened:
                await asyncio.sleep(0.01)
                pghistory.context(more=number)
                await asyncio.sleep(0.01)
                return opened.metadata

        async def both():
            return await asyncio.gather(task(1), task(2))

        assert asyncio.run(both()) == [{"number": 1, "more": 1}, {"number": 2, "more": 2}]

    def test_async_with_opens_and_closes_it(self):
        async def work():
            async with pghistory.context(job="async") as opened:
                await asyncio.sleep(0)
                assert context.current() is opened
                async with pgtrigger.ignore():
                    await asyncio.sleep(0)
            return context.current()

        assert asyncio.run(work()) is None

    def test_a_coroutine_function_is_decorated(self):
        @pghistory.context(job="async")
        async def work():
            await asyncio.sleep(0)
            return context.current().metadata

        assert asyncio.run(work()) == {"job": "async"}

    def test_others_triggers_read_the_documented_settings(self):
        with pghistory.context(user=1) as opened, connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('pghistory.context_id'), "
                "current_setting('pghistory.context_metadata')"
            )
            context_id, metadata = cursor.fetchone()
        assert (uuid.UUID(context_id), json.loads(metadata)) == (opened.id, {"user": 1})


class TestMetadata:
    @pytest.mark.parametrize("value", [math.nan, math.inf, {"deep": [math.nan]}])
    def test_what_is_no_number_of_json_is_refused_when_it_is_given(self, value):
        with pytest.raises(pghistory.MetadataError, match="bad"):
            pghistory.context(bad=value)

    @pytest.mark.parametrize("value", [NUL, {"deep": [NUL]}, {NUL: 1}, "\ud800"])
    def test_what_is_no_character_of_jsonb_is_refused_when_it_is_given(self, value):
        with pytest.raises(pghistory.MetadataError, match="bad"):
            pghistory.context(bad=value)

    def test_what_only_looks_like_an_escape_is_taken(self, model):
        with pghistory.context(text="\\u0000 \\ud800"):
            model.objects.create(number=1)
        assert said(model) == [{"text": "\\u0000 \\ud800"}]

    def test_what_the_encoder_does_not_know_is_refused_when_it_is_given(self):
        with pytest.raises(TypeError, match="PGHISTORY_JSON_ENCODER"):
            pghistory.context(bad=object())

    def test_the_encoder_is_a_setting(self, model, settings):
        class Encoder(json.JSONEncoder):
            def default(self, value):
                return "anything"

        settings.PGHISTORY_JSON_ENCODER = Encoder
        with pghistory.context(odd=object()):
            model.objects.create(number=1)
        assert said(model) == [{"odd": "anything"}]

    def test_a_refused_addition_leaves_the_context_as_it_was(self, model):
        with pghistory.context(user=1) as opened:
            with pytest.raises(pghistory.MetadataError):
                pghistory.context(bad=NUL)
            model.objects.create(number=1)
            assert opened.metadata == {"user": 1}
        assert said(model) == [{"user": 1}]


class TestProxyFields:
    def test_they_are_read_filtered_and_ordered_by(self):
        from tests.pghistory.models import AccountEvent

        for reason in ("b", "a"):
            with pghistory.context(reason=reason, amount=7):
                Account.objects.create()
        Account.objects.create()
        found = AccountEvent.objects.filter(amount__gte=7).order_by("reason")
        assert [(event.reason, event.amount) for event in found] == [("a", 7), ("b", 7)]
        assert AccountEvent.objects.filter(reason=None).count() == 1

    def test_a_foreign_key_is_joined(self):
        from tests.pghistory.models import AccountAudit, Author

        author = Author.objects.create(name="Ada")
        with pghistory.context(author=author.pk):
            Account.objects.create()
        with pghistory.context(author="nobody"):
            Account.objects.create()
        found = AccountAudit.objects.select_related("author").get(author__name="Ada")
        assert found.author == author
        assert AccountAudit.objects.filter(author=None).count() == 1

    def test_events_that_they_choose_can_be_changed_and_deleted(self):
        from tests.pghistory.models import AccountEvent

        for reason in ("a", "b"):
            with pghistory.context(reason=reason):
                Account.objects.create()
        assert AccountEvent.objects.filter(reason="a").update(note="seen") == 1
        assert AccountEvent.objects.get(note="seen").reason == "a"
        AccountEvent.objects.filter(reason="a").delete()
        assert AccountEvent.objects.get().reason == "b"
        AccountEvent.objects.get().delete()
        assert AccountEvent.objects.aggregate(models.Count("reason")) == {"reason__count": 0}


class TestManualEvents:
    def test_create_event_holds_the_object_and_the_context(self):
        from tests.pghistory.models import Partial

        obj = Partial.objects.create(kept=1, other=2)
        with pghistory.context(user=1):
            event = pghistory.create_event(obj, label="seen")
        assert (event.pgh_obj, event.kept, event.other) == (obj, 1, 2)
        assert event.pgh_context.metadata == {"user": 1}
        assert event.pgh_created_at is not None

    def test_their_time_is_that_of_pythons_clock(self, monkeypatch):
        from tests.pghistory.models import Partial

        stopped = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
        monkeypatch.setattr("django.utils.timezone.now", lambda: stopped)
        obj = Partial.objects.create()
        event = pghistory.create_event(obj, label="seen")
        values = {"pgh_label": "seen", "pgh_obj": obj, "kept": 1, "other": 2}
        type(event).objects.create(**values)
        type(event).objects.bulk_create([type(event)(**values)])
        times = type(event).objects.values_list("pgh_created_at", flat=True)
        assert [event.pgh_created_at, *times] == [stopped] * 4
        assert Partial.pgh_event_models["insert"].objects.get().pgh_created_at > stopped

    def test_a_time_that_is_given_is_kept(self):
        from tests.pghistory.models import Partial

        given = datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC)
        values = {"pgh_label": "seen", "pgh_obj": Partial.objects.create(), "kept": 1, "other": 2}
        event = Partial.pgh_event_models["seen"].objects.create(**values, pgh_created_at=given)
        event.refresh_from_db()
        assert event.pgh_created_at == given

    def test_an_unknown_label_is_refused(self):
        from tests.pghistory.models import Partial

        with pytest.raises(ValueError, match="seen"):
            pghistory.create_event(Partial.objects.create(), label="never")


def test_connections_are_left_as_they_were():
    with pghistory.context(user=1), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_setting('pghistory.context_id', true)")
        assert cursor.fetchone()[0] in (None, "")


@committing
class TestTwoConnectionsInOneContext:
    """The first would be waited for endlessly: it goes on only after the second."""

    @pytest.fixture
    def second(self):
        """Use a second connection in the block."""
        first, second = connections["default"], connections["default"].copy()

        @contextlib.contextmanager
        def use():
            connections["default"] = second
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SET statement_timeout = '5s'")
                yield
            finally:
                connections["default"] = first

        yield use
        second.close()

    def test_two_connections_in_one_context_do_not_wait_for_each_other(self, model, second):
        with pghistory.context(user=1), transaction.atomic():
            model.objects.create(number=1)
            with second():
                model.objects.create(number=2)
                with transaction.atomic():
                    model.objects.create(number=3)
                    model.objects.update(number=4)
            model.objects.create(number=5)
        assert said(model) == [{"user": 1}] * 6  # two rows are updated
        assert set(Context.objects.values_list("metadata__user", flat=True)) == {1}

    def test_a_row_that_is_rolled_back_takes_no_other_along(self, model, second):
        with pghistory.context(user=1):
            with transaction.atomic():
                model.objects.create(number=1)
                with second():
                    model.objects.create(number=2)
                transaction.set_rollback(True)
            model.objects.create(number=3)
        assert said(model) == [{"user": 1}] * 2

    def test_transactions_one_after_the_other_share_one_row(self, model, second):
        with pghistory.context(user=1):
            model.objects.create(number=1)
            with second():
                model.objects.create(number=2)
        assert Context.objects.count() == 1

    def test_the_function_of_the_pypi_packages_triggers_does_not_wait_either(self, second):
        legacy.install(connection)

        def attach():
            with connection.cursor() as cursor:
                cursor.execute("SELECT _pgh_attach_context()")
                return cursor.fetchone()[0]

        with pghistory.context(user=1) as opened, transaction.atomic():
            assert attach() == opened.id
            with second(), transaction.atomic():
                own = attach()
                assert attach() == own != opened.id
            assert attach() == opened.id
        assert list(Context.objects.values_list("metadata", flat=True)) == [{"user": 1}] * 2
