"""Python values that the database must see in the current transaction.

Note [Transaction variables]. ``ignore()``, ``schema()`` and history's ``context()`` are each a
Python value, in a ContextVar so that neither threads nor asyncio tasks see each other's. A
``Synchronizer`` on every PostgreSQL connection sends it with ``SET LOCAL``, as a statement of its
own, only when what the server has differs: when a transaction starts, when the value changes, and
after a ROLLBACK TO SAVEPOINT, which takes the setting back too. So

- the user's statement is never rewritten: parameters, ``%``, executemany, server-side binding and
  pipelines are none of its business;
- the setting ends with the transaction: nothing leaks through a connection pool;
- nothing is sent in an aborted transaction: the user's own error is never masked;
- it is there for what passes no execute wrapper (COPY, callproc, the raw driver), and for
  deferred triggers at COMMIT.

Outside a transaction a statement that needs a variable gets a transaction of its own; any other
goes as it is, so that VACUUM and CREATE INDEX CONCURRENTLY work and a plain SELECT costs nothing.

https://www.postgresql.org/docs/current/sql-set.html
"""

from __future__ import annotations

import copy
import functools
import inspect
import re
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from django.db import connections, transaction
from psycopg import sql
from psycopg.pq import PipelineStatus, TransactionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.backends.postgresql.base import DatabaseWrapper

    F = TypeVar("F", bound=Callable[..., Any])

WRITES = frozenset({"insert", "update", "delete", "merge", "with"})
READS = frozenset({"select", "values", "table"})

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*([a-z]+)", re.IGNORECASE | re.DOTALL)
_UNKNOWN = object()


class Variable:
    """A setting that follows a Python value.

    ``render(value, alias)`` gives what to send to that database as SQL, None for "as if never
    set". ``statements`` are the first words that need the value even outside a transaction.
    """

    def __init__(
        self,
        setting: str,
        render: Callable[[Any, str], sql.Composable | None],
        *,
        statements: frozenset[str] = WRITES,
    ):
        self.setting = setting
        self.render = render
        self.statements = statements
        self._value: ContextVar[Any] = ContextVar(setting, default=None)
        _variables.append(self)

    def get(self) -> Any:
        """The value here and now; None where there is none."""
        return self._value.get()

    def set(self, value: Any) -> Token[Any]:
        return self._value.set(value)

    def reset(self, token: Token[Any]) -> None:
        self._value.reset(token)

    def unset(self, original: str | None) -> sql.Composable:
        """What to send once the value is gone."""
        return sql.Literal("")


class RestoredVariable(Variable):
    """A setting of PostgreSQL's own, which gets back what it had before."""

    def unset(self, original: str | None) -> sql.Composable:
        # SHOW renders a list as SET accepts it.
        return sql.SQL(original) if original else sql.SQL("DEFAULT")


_variables: list[Variable] = []


class Scope:
    """A context manager and decorator, also of coroutine functions, that sets variables."""

    def values(self) -> dict[Variable, Any]:
        """What each variable is to be inside."""
        raise NotImplementedError

    _entered: tuple[list[tuple[Variable, Token[Any]]], ...] = ()

    def __enter__(self) -> Any:
        tokens = [(variable, variable.set(value)) for variable, value in self.values().items()]
        self._entered = (*self._entered, tokens)
        self._flush()
        return self

    def __exit__(self, *exc_info: object) -> None:
        *outer, tokens = self._entered
        self._entered = tuple(outer)
        for variable, token in reversed(tokens):
            variable.reset(token)
        self._flush()

    def __call__(self, func: F) -> F:
        if inspect.iscoroutinefunction(func):

            @functools.wraps(func)
            async def async_inner(*args: Any, **kwargs: Any) -> Any:
                with self._copy():
                    return await func(*args, **kwargs)

            return cast("F", async_inner)

        @functools.wraps(func)
        def inner(*args: Any, **kwargs: Any) -> Any:
            with self._copy():
                return func(*args, **kwargs)

        return cast("F", inner)

    def _copy(self) -> Self:
        copied = copy.copy(self)
        copied._entered = ()
        return copied

    def _flush(self) -> None:
        for connection in connections.all(initialized_only=True):
            synchronizer = Synchronizer.of(connection)
            if synchronizer is not None:
                synchronizer.flush()


class Synchronizer:
    """What one connection's server has of the variables; an execute wrapper.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """

    def __init__(self, connection: DatabaseWrapper):
        self.connection = connection
        self.sent: dict[Variable, Any] = {}
        self.originals: dict[Variable, str] = {}

    @classmethod
    def of(cls, connection: Any) -> Synchronizer | None:
        """The connection's own, or None where it is no PostgreSQL connection or never opened."""
        return next((w for w in connection.execute_wrappers if isinstance(w, cls)), None)

    @classmethod
    def attach(cls, connection: DatabaseWrapper) -> Synchronizer:
        """Puts one first among the connection's execute wrappers, once.

        First, because a wrapper that is appended while ``execute_wrapper()`` has one open
        would be the one that its exit pops.
        """
        synchronizer = cls.of(connection)
        if synchronizer is None:
            synchronizer = cls(connection)
            connection.execute_wrappers.insert(0, synchronizer)
        return synchronizer

    def __call__(
        self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        status = self._status()
        if status == TransactionStatus.IDLE:
            self._forget()
        stale = self._stale() if status != TransactionStatus.INERROR else []
        if stale:
            if status == TransactionStatus.IDLE and self.connection.autocommit:
                if _first_word(query) in frozenset().union(*(v.statements for v in stale)):
                    with transaction.atomic(using=self.connection.alias):
                        return self(execute, query, params, many, context)
            else:
                self._send(stale)
        result = execute(query, params, many, context)
        rolled_back = (self.sent or status == TransactionStatus.INERROR) and self._rolled_back(
            query, context["cursor"]
        )
        if rolled_back:
            self.sent = dict.fromkeys(self.sent, _UNKNOWN)
            self.flush()
        return result

    def flush(self) -> None:
        """Sends now what differs, where a transaction is open or the next statement opens one."""
        if self.connection.connection is None or self.connection.connection.closed:
            return
        status = self._status()
        if status == TransactionStatus.IDLE:
            self._forget()
            if self.connection.autocommit:
                return
        if status in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            stale = self._stale()
            if stale:
                self._send(stale)

    def _status(self) -> TransactionStatus:
        return self.connection.connection.info.transaction_status

    def _forget(self) -> None:
        if self.sent:
            self.sent = {}
            self.originals = {}

    def _stale(self) -> list[Variable]:
        return [v for v in _variables if v.get() is not self.sent.get(v)]

    def _send(self, stale: Iterable[Variable]) -> None:
        statements = [
            sql.SQL("SET LOCAL {} = {}").format(
                sql.Identifier(*variable.setting.split(".")), self._rendered(variable)
            )
            for variable in stale
        ]
        connection = self.connection.connection
        if connection.pgconn.pipeline_status == PipelineStatus.OFF:
            statements = [sql.SQL("; ").join(statements)]
        with self.connection.wrap_database_errors, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        for variable in stale:
            self.sent[variable] = variable.get()

    def _rendered(self, variable: Variable) -> sql.Composable:
        if isinstance(variable, RestoredVariable) and variable not in self.originals:
            self.originals[variable] = self._current(variable)
        value = variable.get()
        rendered = None if value is None else variable.render(value, self.connection.alias)
        return variable.unset(self.originals.get(variable)) if rendered is None else rendered

    def _current(self, variable: Variable) -> str:
        with self.connection.connection.cursor() as cursor:
            # Unlike SELECT, SHOW may still be followed by SET TRANSACTION ISOLATION LEVEL.
            cursor.execute(sql.SQL("SHOW {}").format(sql.Identifier(*variable.setting.split("."))))
            return str(cursor.fetchone()[0])

    @staticmethod
    def _rolled_back(query: Any, cursor: Any) -> bool:
        return cursor.statusmessage == "ROLLBACK" or (
            isinstance(query, str) and ";" in query and "rollback" in query.lower()
        )


def _first_word(query: Any) -> str:
    text = query.as_string(None) if isinstance(query, sql.Composable) else query
    text = text.decode() if isinstance(text, bytes) else text
    found = _FIRST_WORD.match(text)
    return found.group(1).lower() if found else ""
