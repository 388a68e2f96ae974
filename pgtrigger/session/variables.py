"""Python values that the database must see in the current transaction, and those of open scopes.

Note [Transaction variables]. ``ignore()``, ``schema()`` and history's ``context()`` are each a
Python value, in a ContextVar so that neither threads nor asyncio tasks see each other's. A
``Synchronizer`` on every PostgreSQL connection sends it with ``SET LOCAL``, as a separate
statement, only when the server's value differs: when a transaction starts, when the value changes,
and after a ROLLBACK TO SAVEPOINT, which also rolls back the setting. So

- the user's statement is never rewritten, so parameters, ``%``, executemany, server-side binding
  and pipelines are not affected;
- the setting ends with the transaction: nothing leaks through a connection pool;
- nothing is sent in an aborted transaction, so that the user's own error is never masked;
- statements that bypass execute wrappers (COPY, callproc, the raw driver) have it, and deferred
  triggers too: it is compared again before COMMIT, because asynchronous code that leaves a scope
  cannot reach the connection of another thread.

Outside a transaction, a statement that needs a variable is wrapped in its own transaction; any
other is sent as it is, so that VACUUM and CREATE INDEX CONCURRENTLY work and a plain SELECT costs
nothing. Every statement that can be wrapped needs ``search_path``; those that may write need the
others. A SELECT does not, although its functions may write. A procedure or DO block that commits
is rejected: the rest of it would be executed without the variables. A query of several
statements that ends a transaction before a statement that needs a variable is rejected, because
nothing can be sent between them.

With autocommit off, sending right after COMMIT would begin the next transaction, and autocommit
could not be turned on again. So the variables are sent before the first statement of a transaction.
COPY and callproc bypass execute wrappers; a cursor subclass covers them.

Statements of the raw driver are not seen: a transaction that begins with one has the variables from
the first statement of a Django cursor on. After a ROLLBACK TO SAVEPOINT of the raw driver, inside a
scope that was entered after the savepoint, they are missing.

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
    """A setting that follows a Python value.

    ``render(value, alias)`` gives the setting's value on that database as text, None for "as if
    never set". ``statements`` are the first words of what needs it even outside a transaction.
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
        """Return the present value; None if it is not set."""
        return current().get(self)

    def check(self, value: Any, alias: str, query: Any) -> None:
        """Raise if the query must not be executed while the variable has this value."""

    def set_local(self, text: str | None) -> sql.Composed:
        """Return the statement that gives the setting this value; None resets it to "never set"."""
        return self._assign(sql.Literal(text or ""))

    def _assign(self, value: sql.Composable) -> sql.Composed:
        name = sql.Identifier(*self.setting.split("."))
        return sql.SQL("SET LOCAL {} = {}").format(name, value)


class RestoredVariable(Variable):
    """A list setting of PostgreSQL's own, which gets back what it had before."""

    def set_local(self, text: str | None) -> sql.Composed:
        if not text or text == '""':  # which SHOW says of an empty list, and SET refuses
            return super().set_local("")
        return self._assign(sql.SQL(text))  # in quotes the list would be one element


Values = Mapping[Any, Any]  # by Variable
NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class _Opened:
    """An open scope, and the generator that it belongs to.

    ``interrupts`` are the keys of the scopes that were suspended when it was opened.
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
        """Return whether it belongs to the generator of this frame; of None, to no generator."""
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

        If a generator is resumed inside scopes that were opened later, those are outside its own.
        """

        def position(number: int) -> tuple[int, int]:
            key = self.opened[number].key
            inside = [n for n, other in enumerate(self.opened) if key in other.interrupts]
            return max([number, *inside]), bool(inside)

        order = sorted(range(len(self.opened)), key=position)
        return tuple(self.opened[number] for number in order if self.opened[number].is_active)


# So that threads and tasks do not see each other's. See Note [Generators].
_state: ContextVar[_OpenScopes] = ContextVar("state", default=_OpenScopes())  # noqa: B039


def current() -> Values:
    """Return the value that each variable should have. One that is missing should be unset."""
    return _state.get().values


def enter(scope: object, values: Values, frame: FrameType | None) -> None:
    """Open the scope, in the generator of this frame, if it belongs to one."""
    generator = None if frame is None else weakref.ref(generators.of(frame))
    opened = tuple(each for each in _state.get().opened if each.can_go_on)
    suspended = frozenset(each.key for each in opened if not each.is_active)
    _state.set(_OpenScopes((*opened, _Opened(scope, values, generator, suspended))))


def leave(scope: object, frame: FrameType | None) -> None:
    """Close the scope.

    It is not open here if its generator is closed in another context, by the garbage collector.
    """
    opened = _state.get().opened
    of_scope = [each for each in reversed(opened) if each.scope is scope]
    closed = next((each for each in of_scope if each.is_in(frame)), None) or next(
        (each for each in of_scope if each.is_in(None)), None
    )
    _state.set(_OpenScopes(tuple(each for each in opened if each is not closed)))


def change(variable: object, value: Any) -> None:
    """Change the value of a variable until the scope ends that set it."""
    state = _state.get()
    setter = next(each for each in reversed(state.active()) if variable in each.values)
    changed = replace(setter, values={**setter.values, variable: value})
    _state.set(_OpenScopes(tuple(changed if each is setter else each for each in state.opened)))
