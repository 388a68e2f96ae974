"""An IntegrityError, refined into the exception that says what went wrong.

rules = [
    (conversion.Unique(model=User, fields=("email",)), UserAlreadyExists),
    (conversion.NotNull(model=User, field="email"), EmailCannotBeNull),
]
with conversion.refine_integrity_error(rules):
    User.objects.create(email=email)
"""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import ParamSpec, TypeVar, cast

from asgiref.sync import sync_to_async
from django.db import DataError, IntegrityError

from .declarations import ModelHasNoPrimaryKey, NotAForeignKey, RuleCannotMatch
from .rules import (
    Check,
    Exclusion,
    ForeignKey,
    Named,
    NotNull,
    OutOfRange,
    PrimaryKey,
    Rule,
    Trigger,
    Unique,
)

__all__ = [
    "Check",
    "Exclusion",
    "ForeignKey",
    "ModelHasNoPrimaryKey",
    "Named",
    "NotAForeignKey",
    "NotNull",
    "OutOfRange",
    "PrimaryKey",
    "Rule",
    "RuleCannotMatch",
    "Trigger",
    "Unique",
    "refine_integrity_error",
]

P = ParamSpec("P")
R = TypeVar("R")


class refine_integrity_error:
    """Raise, from an integrity error, the exception of the first rule that matches it.

    A context manager and a decorator, both also async. An error that no rule matches is raised as
    it was. The refined error's ``__cause__`` is Django's error, and the ``__cause__`` of that is
    psycopg's, whose ``diag.message_detail`` is PostgreSQL's DETAIL.

    A deferred constraint is checked at COMMIT: put this round the whole ``atomic`` block, not
    inside it, or make the check immediate (``constraints.immediate``).

    Args:
        rules: pairs of a rule and an exception, or a class that is called without arguments.
    """

    def __init__(self, rules: Iterable[tuple[Rule, Exception | type[Exception]]]) -> None:
        self.rules = tuple(rules)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, IntegrityError | DataError):
            refined = self._refined(error)
            if refined is not None:
                raise refined from error

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, IntegrityError | DataError):
            refined = await sync_to_async(self._refined)(error)
            if refined is not None:
                raise refined from error

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"{function.__qualname__} is a generator: its body runs after the call, when the"
                " decorator has been left. Use `with refine_integrity_error(…)` inside it."
            )
        if inspect.iscoroutinefunction(function):
            return cast("Callable[P, R]", self._around_coroutine(function))

        @functools.wraps(function)
        def refining(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return refining

    def _around_coroutine(
        self, function: Callable[P, Coroutine[object, object, R]]
    ) -> Callable[P, Coroutine[object, object, R]]:
        @functools.wraps(function)
        async def refining(*args: P.args, **kwargs: P.kwargs) -> R:
            async with self:
                return await function(*args, **kwargs)

        return refining

    def _refined(self, error: Exception) -> Exception | type[Exception] | None:
        return next((refined for rule, refined in self.rules if rule.is_match(error)), None)
