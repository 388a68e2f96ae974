"""Python values that PostgreSQL sees as settings, and the scopes that set them.

Note [Transaction variables]. ``ignore()``, ``schema()`` and pghistory's ``context()`` are scopes:
each sets a Python value while a block or a decorated function runs. The value is kept in a
ContextVar, so threads and asyncio tasks do not see each other's values. Each PostgreSQL connection
has a ``Synchronizer``, which compares the server's values with Python's when a transaction starts,
when a value changes, and after a ROLLBACK TO SAVEPOINT, which also rolls back the setting. If a
value differs, it sends the value with ``SET LOCAL``, as a separate statement. So

- the user's statement is never rewritten, so parameters, ``%``, executemany, server-side binding
  and pipelines are not affected;
- the setting ends with the transaction, so it does not leak through a connection pool;
- nothing is sent in an aborted transaction, so that the user's own error is never masked;
- every later statement of the transaction has the setting, including those that bypass execute
  wrappers (COPY, callproc, the raw driver);
- deferred triggers have it too. The values are compared again before COMMIT: when asynchronous code
  leaves a scope, it cannot send the change, because the connection belongs to another thread.

Outside a transaction, a statement that needs a variable is wrapped in its own transaction; any
other is sent as it is, so that VACUUM and CREATE INDEX CONCURRENTLY work and a plain SELECT costs
nothing. Inside ``schema()``, every statement that can be wrapped needs the variable
``search_path``. Only statements that may write need the other variables. A SELECT is not regarded
as a statement that may write, although it may call a function that writes. A procedure or DO block
that commits is rejected, because the rest of it would be executed without the variables. A query of
several statements is rejected if one of them ends a transaction and a later one needs a variable,
because nothing can be sent between them.

With autocommit off, a variable that is sent right after COMMIT would begin the next transaction,
and autocommit could not be turned on again during that transaction. So the variables are sent
before the first statement of a transaction. COPY and callproc bypass execute wrappers, so a cursor
subclass sends the variables before them.

The ``Synchronizer`` does not see statements that are sent through the raw driver. If a transaction
begins with one, that statement does not have the variables: they are sent before the first
statement of a Django cursor. If the raw driver rolls back to a savepoint that is older than the
scope, the variables of the scope are missing afterwards.

https://www.postgresql.org/docs/current/sql-set.html
"""

from __future__ import annotations

import weakref
from collections.abc import Container, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger.session import generators
from pgtrigger.session.statements import WRITES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType


class Variable:
    """A setting that gets its value from a Python value.

    ``render(value, alias)`` returns the setting's text for the database ``alias``, or None to reset
    the setting. ``statements`` contains the first keyword of each statement that needs the setting
    even outside a transaction.
    """

    def __init__(
        self,
        setting: str,
        render: Callable[[Any, str], str | None],
        *,
        statements: Container[str] = WRITES,
    ):
        self.setting = setting
        self.render = render
        self.statements = statements

    def get(self) -> Any:
        """Return the current value; None if it is not set."""
        return current().get(self)

    def check(self, value: Any, alias: str, query: Any) -> None:
        """Raise if the query must not be executed while the variable has this value."""

    def set_local(self, text: str | None) -> sql.Composed:
        """Return the statement that sets the setting to this text; None resets it."""
        return self._assign(sql.Literal(text or ""))

    def _assign(self, value: sql.Composable) -> sql.Composed:
        name = sql.Identifier(*self.setting.split("."))
        return sql.SQL("SET LOCAL {} = {}").format(name, value)


class RestoredVariable(Variable):
    """A built-in setting of PostgreSQL whose value is a list, such as search_path.

    When the scope ends, the setting gets back the value that it had before.
    """

    def set_local(self, text: str | None) -> sql.Composed:
        if not text or text == '""':  # SHOW returns "" for an empty list, but SET rejects it
            return super().set_local("")
        return self._assign(sql.SQL(text))  # a quoted list would be one element


Values = Mapping[Any, Any]  # by Variable
NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class _Opened:
    """An open scope, and the generator that it belongs to.

    ``interrupts`` are the keys of the scopes whose generators were suspended when this scope was
    opened.
    """

    scope: object
    values: Values
    generator: weakref.ref[generators.Generator] | None
    interrupts: frozenset[object]
    key: object = field(default_factory=object)

    @property
    def is_active(self) -> bool:
        if self.generator is None:
            return True
        generator = self.generator()
        return generator is not None and generators.is_running(generator)

    @property
    def can_go_on(self) -> bool:
        return self.generator is None or self.generator() is not None

    def is_in(self, frame: FrameType | None) -> bool:
        """Return whether the scope belongs to the generator with this frame.

        If ``frame`` is None, return whether the scope does not belong to any generator.
        """
        if self.generator is None or frame is None:
            return self.generator is None and frame is None
        generator = self.generator()
        return generator is not None and generators.frame_of(generator) is frame


def _merge(opened: Iterable[_Opened]) -> Values:
    merged: dict[Any, Any] = {}
    for each in opened:
        merged.update(each.values)
    found = {variable: value for variable, value in merged.items() if value is not None}
    return found or NOTHING


class _OpenScopes:
    """All open scopes of one context, the innermost last. Immutable."""

    def __init__(self, opened: tuple[_Opened, ...] = ()):
        self.opened = opened
        self._merged: dict[tuple[_Opened, ...], Values] = {}
        self._all = None if any(each.generator for each in opened) else _merge(opened)

    @property
    def values(self) -> Values:
        if self._all is not None:
            return self._all
        active = self.active()
        if active not in self._merged:
            self._merged[active] = _merge(active)
        return self._merged[active]

    def active(self) -> tuple[_Opened, ...]:
        """Return the scopes that have an effect now, the innermost last.

        Other code may open scopes while a generator is suspended. When the generator runs again,
        its scopes come after those scopes, and so override them.
        """

        def position(number: int) -> tuple[int, int]:
            key = self.opened[number].key
            inside = [n for n, other in enumerate(self.opened) if key in other.interrupts]
            return max([number, *inside]), bool(inside)

        order = sorted(range(len(self.opened)), key=position)
        return tuple(self.opened[number] for number in order if self.opened[number].is_active)


# A ContextVar, so threads and tasks do not see each other's scopes. See Note [Generators] of
# ``pgtrigger.session.generators``.
_state: ContextVar[_OpenScopes] = ContextVar("state", default=_OpenScopes())  # noqa: B039


def current() -> Values:
    """Return the variables that should be set, with their values. All others should be unset."""
    return _state.get().values


def enter(scope: object, values: Values, frame: FrameType | None) -> None:
    """Open the scope. ``frame`` is the frame of the generator that the scope is in, or None."""
    generator = None if frame is None else weakref.ref(generators.of(frame))
    opened = tuple(each for each in _state.get().opened if each.can_go_on)
    suspended = frozenset(each.key for each in opened if not each.is_active)
    _state.set(_OpenScopes((*opened, _Opened(scope, values, generator, suspended))))


def leave(scope: object, frame: FrameType | None) -> None:
    """Close the scope. Do nothing if it is not open in this context.

    The garbage collector may close a generator in another context than the one in which the
    generator's scope is open.
    """
    opened = _state.get().opened
    of_scope = [each for each in reversed(opened) if each.scope is scope]
    closed = next((each for each in of_scope if each.is_in(frame)), None) or next(
        (each for each in of_scope if each.is_in(None)), None
    )
    _state.set(_OpenScopes(tuple(each for each in opened if each is not closed)))


def change(variable: object, value: Any) -> None:
    """Change the value of a variable until the scope that set it ends."""
    state = _state.get()
    setter = next(each for each in reversed(state.active()) if variable in each.values)
    changed = replace(setter, values={**setter.values, variable: value})
    _state.set(_OpenScopes(tuple(changed if each is setter else each for each in state.opened)))
