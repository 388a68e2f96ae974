"""Scopes in generators: the code that iterates over one is not in its scopes."""

import asyncio
import contextlib
import gc
import threading
from contextvars import copy_context

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction

import pghistory
import pgtrigger
from pghistory.writing import context
from pgtrigger.session.scopes import Scope
from pgtrigger.session.variables import Variable
from tests.pghistory.models import StatementLevel
from tests.pgtrigger.models import Protected

variable = Variable("tests.generated", lambda value, alias: value)
other = Variable("tests.other", lambda value, alias: value)


class wanting(Scope):
    def __init__(self, value, of=variable):
        self.value, self.of = value, of

    def values(self):
        return {self.of: self.value}


def numbers(count=3):
    """A generator that sees what its own scope says at every step."""
    with wanting("inside"):
        for number in range(count):
            assert variable.get() == "inside"
            yield number
        assert variable.get() == "inside"


@wanting("inside")
def decorated():
    sent = None
    while sent != "stop":
        assert variable.get() == "inside"
        try:
            sent = yield sent
        except KeyError as error:
            sent = error
    return "result"


async def anumbers(count=3):
    async with wanting("inside"):
        for number in range(count):
            await asyncio.sleep(0)
            assert variable.get() == "inside"
            assert await sync_to_async(variable.get)() == "inside"
            yield number


@wanting("inside")
async def adecorated():
    sent = None
    while sent != "stop":
        assert await sync_to_async(variable.get)() == "inside"
        try:
            sent = yield sent
        except KeyError as error:
            sent = error


class TestAGenerator:
    def test_its_consumer_is_not_in_its_scope(self):
        for _ in numbers():
            assert variable.get() is None
        assert variable.get() is None

    def test_its_consumer_keeps_its_own_scope(self):
        with wanting("outside"):
            for _ in numbers():
                assert variable.get() == "outside"
            assert variable.get() == "outside"

    def test_a_scope_opened_between_its_steps_does_not_reach_into_it(self):
        generator = numbers()
        next(generator)
        with wanting("later"), wanting("too", other):
            assert variable.get() == "later"
            next(generator)
            assert (variable.get(), other.get()) == ("later", "too")
        assert (variable.get(), other.get()) == (None, None)
        next(generator)
        assert next(generator, "ended") == "ended"
        assert variable.get() is None

    def test_it_may_end_inside_a_scope_opened_between_its_steps(self):
        generator = numbers(1)
        next(generator)
        with wanting("later"):
            assert list(generator) == []
            assert variable.get() == "later"
        assert variable.get() is None

    @pytest.mark.parametrize("end", ["close", "drop", "keep"])
    def test_an_interrupted_one_leaves_nothing(self, end):
        kept = generator = numbers()
        for _ in generator:
            break
        if end == "close":
            generator.close()
        if end == "drop":
            kept = None
        del generator
        gc.collect()
        assert variable.get() is None
        with wanting("after"):
            assert variable.get() == "after"
        assert (variable.get(), kept is None) == (None, end == "drop")

    def test_several_at_once(self):
        def named(name):
            with wanting(name):
                for _ in range(3):
                    assert variable.get() == name
                    yield

        for _ in zip(named("a"), named("b"), named("c"), strict=True):
            assert variable.get() is None

    def test_one_in_another(self):
        def outer():
            with wanting("outer"):
                for number in numbers():
                    assert variable.get() == "outer"
                    yield number
                yield from numbers()

        assert list(outer()) == [0, 1, 2, 0, 1, 2]
        assert variable.get() is None

    def test_an_exit_stack(self):
        def stacked():
            with contextlib.ExitStack() as stack:
                stack.enter_context(wanting("inside"))
                yield variable.get()

        generator = stacked()
        assert (next(generator), variable.get()) == ("inside", None)
        assert next(generator, None) is None

    def test_a_context_manager_made_of_one(self):
        @contextlib.contextmanager
        def quietly():
            with wanting("quiet"):
                yield

        def generator():
            with quietly():
                yield variable.get()

        with quietly():
            assert variable.get() == "quiet"
        assert [(value, variable.get()) for value in generator()] == [("quiet", None)]

    def test_another_thread_may_go_on_with_it(self):
        generator, found = numbers(), []
        next(generator)
        go_on = copy_context()
        thread = threading.Thread(target=lambda: go_on.run(lambda: found.extend(generator)))
        thread.start()
        thread.join()
        assert (found, variable.get()) == ([1, 2], None)


@pytest.fixture
def entered():
    with wanting("fixture"):
        yield


def test_a_fixture_is_a_context_manager(entered):
    assert variable.get() == "fixture"


class TestADecoratedGeneratorFunction:
    def test_its_consumer_is_not_in_the_scope(self):
        generator = decorated()
        assert next(generator) is None
        assert generator.send("sent") == "sent"
        assert variable.get() is None
        assert isinstance(generator.throw(KeyError), KeyError)
        with pytest.raises(StopIteration) as ended:
            generator.send("stop")
        assert (ended.value.value, variable.get()) == ("result", None)

    def test_with_contextmanager(self):
        @contextlib.contextmanager
        @wanting("inside")
        def manager():
            yield

        with manager():
            assert variable.get() == "inside"
        assert variable.get() is None


class TestAnAsyncGenerator:
    def test_its_consumer_is_not_in_its_scope(self):
        async def consume():
            async for _ in anumbers():
                assert variable.get() is None
                assert await sync_to_async(variable.get)() is None
            assert variable.get() is None

        asyncio.run(consume())

    def test_an_interrupted_loop_leaves_nothing(self):
        async def consume():
            async for _ in anumbers():
                break
            assert variable.get() is None
            gc.collect()
            await asyncio.sleep(0.01)
            assert variable.get() is None

        asyncio.run(consume())

    def test_a_cancelled_task_leaves_nothing(self):
        async def consume():
            async for _ in anumbers():
                await asyncio.sleep(60)

        async def main():
            task = asyncio.create_task(consume())
            await asyncio.sleep(0.05)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            return variable.get()

        assert asyncio.run(main()) is None

    def test_a_decorated_one(self):
        async def consume():
            generator = adecorated()
            assert await anext(generator) is None
            assert await generator.asend("sent") == "sent"
            assert variable.get() is None
            assert isinstance(await generator.athrow(KeyError), KeyError)
            with pytest.raises(StopAsyncIteration):
                await generator.asend("stop")
            async for _ in adecorated():
                break
            assert variable.get() is None

        asyncio.run(consume())

    def test_a_context_manager_made_of_one(self):
        @contextlib.asynccontextmanager
        async def quietly():
            with wanting("quiet"):
                yield

        async def main():
            async with quietly():
                return variable.get(), await sync_to_async(variable.get)()

        assert asyncio.run(main()) == ("quiet", "quiet")


@pytest.mark.django_db
class TestWhatTheDatabaseSees:
    def test_a_consumer_cannot_write_what_its_generator_may(self):
        def rows():
            with pgtrigger.ignore():
                yield Protected.objects.create()

        for row in rows():
            with pytest.raises(pgtrigger.TriggerError), transaction.atomic():
                row.delete()

    def test_a_generator_may_while_its_consumer_may_not(self):
        def deleted():
            with pgtrigger.ignore():
                for row in [Protected.objects.create() for _ in range(2)]:
                    row.delete()
                    yield row

        for _ in deleted():
            with pytest.raises(pgtrigger.TriggerError), transaction.atomic():
                Protected.objects.create().delete()
        assert Protected.objects.count() == 0

    def test_a_context_is_not_the_consumers(self):
        def rows():
            with pghistory.context(by="generator"):
                yield context.current()

        assert [(found.metadata, context.current()) for found in rows()] == [
            ({"by": "generator"}, None)
        ]


def query(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def is_deleted(row):
    try:
        with transaction.atomic():
            row.delete()
    except pgtrigger.TriggerError:
        return False
    return True


shown = sync_to_async(lambda: query("SHOW search_path"))
deleted = sync_to_async(is_deleted)
created = sync_to_async(Protected.objects.create)


@pytest.mark.django_db
class TestWhatTheDatabaseSeesOfAnAsyncGenerator:
    """``async_to_sync`` runs the code of the ORM in this thread, on this connection."""

    @pytest.mark.parametrize("end", ["exhaust", "break", "aclose", "athrow"])
    def test_ignore_is_the_generators_alone(self, end):
        async def rows():
            async with pgtrigger.ignore():
                for _ in range(3):
                    assert await deleted(await created())
                    yield await created()

        async def main():
            generator = rows()
            async for row in generator:
                assert not await deleted(row)
                if end != "exhaust":
                    break
            if end == "aclose":
                await generator.aclose()
            if end == "athrow":
                with pytest.raises(KeyError):
                    await generator.athrow(KeyError)
            return await deleted(row)

        assert async_to_sync(main)() is False

    def test_schema_is_the_generators_alone(self):
        usual = query("SHOW search_path")

        async def paths(name):
            async with pgtrigger.schema(name):
                while True:
                    yield await shown()

        async def main():
            first, second = paths("first"), paths("second")
            for _ in range(3):
                assert (await anext(first), await anext(second)) == ("first", "second")
                assert await shown() == usual
            async with pgtrigger.schema("third"):
                assert (await anext(first), await shown()) == ("first", "third")
            await first.aclose()
            return await shown(), await anext(second), await shown()

        assert async_to_sync(main)() == (usual, "second", usual)
        assert query("SHOW search_path") == usual

    def test_a_context_is_the_generators_alone(self):
        make = sync_to_async(StatementLevel.objects.create)

        async def rows():
            async with pghistory.context(by="generator"):
                for _ in range(2):
                    yield await make(number=1)

        async def main():
            async for _ in rows():
                await make(number=2)
            async with pghistory.context(by="consumer"):
                async for _ in rows():
                    await make(number=3)

        async_to_sync(main)()
        events = StatementLevel.pgh_event_model.objects.order_by("pgh_id")
        found = events.values_list("number", "pgh_context__metadata__by")
        # A generator that is made inside a context joins it, and what it adds stays.
        assert list(found) == [
            *[(1, "generator"), (2, None)] * 2,
            *[(1, "generator"), (3, "generator")] * 2,
        ]

    def test_constraints_hold_for_the_transaction_and_not_for_the_generator(self):
        """``constraints()`` is a statement, not a scope: it opens nothing that could end."""

        async def rows():
            await sync_to_async(pgtrigger.constraints)(pgtrigger.Immediate)
            yield

        async def main():
            async for _ in rows():
                break

        with transaction.atomic():
            async_to_sync(main)()
        with transaction.atomic():
            pgtrigger.constraints(pgtrigger.Deferred)
