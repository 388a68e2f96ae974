"""Context managers that set variables while a block runs.

See Note [Transaction variables] and Note [Generators].
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.db import DatabaseError, connections

from pgtrigger.session import generators, variables
from pgtrigger.session.synchronizer import Synchronizer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from pgtrigger.session.variables import Values, Variable

    F = TypeVar("F", bound=Callable[..., Any])


class Scope:
    """A context manager (also ``async with``) and decorator (also of coroutine functions).

    It sets variables. It has no state: one object may be entered repeatedly, and by several
    threads at once. Inside a generator function, or as its decorator, it does not affect the code
    that iterates over the generator.
    """

    def values(self) -> Values:
        """The value of each variable inside the scope."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        frame = generators.owner(sys._getframe(1))
        variables.enter(self, self.values(), frame)
        try:
            flush()
        except BaseException:
            variables.leave(self, frame)
            raise
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        variables.leave(self, generators.owner(sys._getframe(1)))
        # The error that leaves the block must not be hidden by one of this statement.
        with contextlib.suppress(*([DatabaseError] if exc_type else [])):
            flush()

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        self.__exit__(exc_type, *exc_info)

    def __call__(self, func: F) -> F:
        if inspect.isgeneratorfunction(func):
            inner: Callable[..., Any] = self._around_generator(func)
        elif inspect.isasyncgenfunction(func):
            inner = self._around_async_generator(func)
        elif iscoroutinefunction(func):

            async def inner(*args: Any, **kwargs: Any) -> Any:
                async with self:
                    return await func(*args, **kwargs)

        else:

            def inner(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return func(*args, **kwargs)

        return cast("F", functools.wraps(func)(inner))

    def _around_generator(self, func: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            with self:
                return (yield from func(*args, **kwargs))

        return inner

    def _around_async_generator(self, func: Callable[..., Any]) -> Callable[..., Any]:
        async def inner(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            async with self, contextlib.aclosing(func(*args, **kwargs)) as generator:
                step = generator.asend(None)
                while True:
                    try:
                        item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        step = generator.asend((yield item))
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step = generator.athrow(error)

        return inner


def change(variable: Variable, value: Any) -> None:
    """Change the value until the end of the scope that set it."""
    variables.change(variable, value)
    flush()


def flush() -> None:
    """Send changed values to each connection of this thread that can receive them now."""
    for connection in connections.all(initialized_only=True):
        synchronizer = Synchronizer.of(connection)
        if synchronizer is not None:
            synchronizer.flush()


def transaction(driver: Any) -> contextlib.AbstractContextManager[None]:
    """A transaction with the variables on this connection of the driver, if one is needed."""
    for connection in connections.all(initialized_only=True):
        synchronizer = Synchronizer.of(connection)
        if synchronizer is not None and connection.connection is driver:
            return synchronizer.transaction()
    return contextlib.nullcontext()
