"""Python values for as long as a block runs: the context managers that set variables.

See Note [Transaction variables].
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.db import DatabaseError, connections

from pgtrigger.session.synchronizer import Synchronizer
from pgtrigger.session.variables import want

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgtrigger.session.variables import Values, Variable

    F = TypeVar("F", bound=Callable[..., Any])

# What the variables of each scope that is open here were before it.
_outer: ContextVar[tuple[Values, ...]] = ContextVar("outer", default=())


class Scope:
    """A context manager (also ``async with``) and decorator (also of coroutine functions).

    It sets variables. It holds no state: one object may be entered again, and by several threads
    at once.
    """

    def values(self) -> Values:
        """What each variable is to be inside."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        values = self.values()
        _outer.set((*_outer.get(), {variable: variable.get() for variable in values}))
        want(values)
        try:
            flush()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        self._leave()
        # The error that is on its way out is the one to see.
        with contextlib.suppress(*([DatabaseError] if exc_type else [])):
            flush()

    async def __aenter__(self) -> Any:
        return self.__enter__()

    async def __aexit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        self.__exit__(exc_type, *exc_info)

    def __call__(self, func: F) -> F:
        if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
            raise TypeError(
                f"{type(self).__name__}() cannot decorate {func.__qualname__}(), a generator "
                "function, which runs after the call: use it as a context manager inside."
            )
        if iscoroutinefunction(func):

            @functools.wraps(func)
            async def async_inner(*args: Any, **kwargs: Any) -> Any:
                with self:
                    return await func(*args, **kwargs)

            return cast("F", async_inner)

        @functools.wraps(func)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return cast("F", inner)

    @staticmethod
    def _leave() -> None:
        if scopes := _outer.get():  # none where a generator was closed in another context
            _outer.set(scopes[:-1])
            want(scopes[-1])


def change(variable: Variable, value: Any) -> None:
    """Changes the value until the scope ends that set it."""
    want({variable: value})
    flush()


def flush() -> None:
    """Sends what differs, to each of this thread's connections that can have it now."""
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
