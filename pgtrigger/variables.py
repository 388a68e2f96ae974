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

What the raw driver does by itself is not seen: a transaction begun with it has the variables from
the first statement of a Django cursor on, and after its ROLLBACK TO SAVEPOINT inside a scope that
was entered since the savepoint they are missing.

https://www.postgresql.org/docs/current/sql-set.html
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from asgiref.sync import iscoroutinefunction
from django.db import DatabaseError, connections
from psycopg import Cursor, Pipeline, ServerCursor, sql
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.backends.postgresql.base import DatabaseWrapper
    from psycopg import Connection

    F = TypeVar("F", bound=Callable[..., Any])

# The first words of statements, by what outside a transaction they may need a variable for.
WRITES = frozenset({"insert", "update", "delete", "merge", "truncate", "with"})
READS = frozenset({"select", "values", "table"})
DEFINITIONS = frozenset({"create", "alter", "drop", "comment"})

_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
_FIRST_WORD = re.compile(rf"(?:{_BLANK}|\()*([a-z]+)", re.IGNORECASE | re.DOTALL)
_NEVER_IN_A_TRANSACTION = re.compile(
    rf"{_BLANK}*(?:create|alter|drop){_BLANK}+(?:unique{_BLANK}+)?"
    rf"(?:database|system|tablespace|subscription|index{_BLANK}+concurrently)\b",
    re.IGNORECASE | re.DOTALL,
)

# What a statement reports that may have changed, taken back or ended the settings sent.
_CONTROL_TAGS = frozenset({"BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "RESET"})
_CONTROL_WORDS = re.compile(r"\b(?:begin|start|commit|end|rollback|abort|reset)\b", re.IGNORECASE)

_SET_CONFIG = "SELECT pg_catalog.set_config(%s, %s, true) IS NULL"
_UNKNOWN = "unknown"


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
        statements: frozenset[str] = WRITES,
    ):
        self.setting = setting
        self.render = render
        self.statements = statements

    def get(self) -> Any:
        """The value here and now; None where there is none."""
        return _wanted.get().get(self)

    def set(self, value: Any) -> None:
        """Changes the value until the scope ends that set it."""
        _want({self: value})
        _flush()

    def set_local(self, text: str | None) -> sql.Composed:
        """The statement that gives the setting this value, None: as if never set."""
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


_Values = Mapping[Variable, Any]
_NOTHING: _Values = MappingProxyType({})
_wanted: ContextVar[_Values] = ContextVar("wanted", default=_NOTHING)
# What the variables of each scope that is open here were before it.
_outer: ContextVar[tuple[_Values, ...]] = ContextVar("outer", default=())


def _want(values: _Values) -> None:
    merged = {**_wanted.get(), **values}
    _wanted.set({variable: value for variable, value in merged.items() if value is not None})


def _flush() -> None:
    for connection in connections.all(initialized_only=True):
        synchronizer = Synchronizer.of(connection)
        if synchronizer is not None:
            synchronizer.flush()


class Scope:
    """A context manager and decorator, also of coroutine functions, that sets variables.

    It holds no state: one object may be entered again, and by several threads at once.
    """

    def values(self) -> _Values:
        """What each variable is to be inside."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        values = self.values()
        _outer.set((*_outer.get(), {variable: variable.get() for variable in values}))
        _want(values)
        try:
            _flush()
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *exc_info: object) -> None:
        self._leave()
        # The error that is on its way out is the one to see.
        with contextlib.suppress(*([DatabaseError] if exc_type else [])):
            _flush()

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
            _want(scopes[-1])


class Synchronizer:
    """What one connection's server has of the variables; an execute wrapper.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """

    def __init__(self, connection: DatabaseWrapper):
        self.connection = connection
        self.sent: dict[Variable, str | None] = {}
        self.originals: dict[Variable, str] = {}
        self._in_step: _Values | None = None
        self._rendered: tuple[_Values, dict[Variable, str]] = (_NOTHING, {})

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
        wanted = _wanted.get()
        if not wanted and not self.sent:
            return execute(query, params, many, context)
        if wanted is not self._in_step or self._status != TransactionStatus.INTRANS:
            if not self._is_outside():
                self._synchronize()
            elif self._needs_transaction(query):
                return self._execute_alone(execute, query, params, many, context)
        result = execute(query, params, many, context)
        if _may_change_settings(query, context["cursor"].cursor):
            self.sent = dict.fromkeys(self.sent, _UNKNOWN)
            self._in_step = None
            in_pipeline = self._status == TransactionStatus.ACTIVE and not self._driver.autocommit
            if in_pipeline or self._status == TransactionStatus.INTRANS:
                self._synchronize()
        return result

    def flush(self) -> None:
        """Sends now what differs, where a transaction is open or the next statement opens one."""
        if self._driver is not None and not self._is_outside():
            self._synchronize()

    def _is_outside(self) -> bool:
        """Whether the next statement is in no transaction but its own."""
        if not self._driver.autocommit:
            return False
        status = self._status
        if status == TransactionStatus.IDLE:
            self._forget()
        # In a pipeline without BEGIN, ACTIVE is a transaction of that pipeline.
        return status in (TransactionStatus.IDLE, TransactionStatus.ACTIVE)

    def _needs_transaction(self, query: Any) -> bool:
        wanted = self._wanted()
        return bool(wanted) and _first_word(query) in frozenset().union(
            *(variable.statements for variable in wanted)
        )

    def _execute_alone(
        self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """The statement in a transaction of its own, in one round trip where that is possible.

        https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
        """
        driver = self._driver
        with self.connection.wrap_database_errors:
            if self._status == TransactionStatus.ACTIVE:
                # To enter a pipeline inside another ends the transaction that the outer one is.
                with driver.pipeline():
                    return self(execute, query, params, many, context)
            if not _fits_a_pipeline(query, context["cursor"].cursor):
                with driver.transaction():
                    self._synchronize()
                    return execute(query, params, many, context)
            cursor = Cursor(driver)
            try:
                with driver.pipeline():
                    # Not the transaction that a pipeline is by itself: psycopg cannot cope with
                    # an error at the end of that, such as a deferred trigger's.
                    cursor.execute("BEGIN")
                    for variable, text in self._wanted().items():
                        # A long text costs less as a parameter than in SET LOCAL.
                        cursor.execute(_SET_CONFIG, (variable.setting, text), prepare=False)
                    result = execute(query, params, many, context)
                    cursor.execute("COMMIT")
            except BaseException:
                if not driver.closed:
                    driver.rollback()
                raise
            return result

    def _synchronize(self) -> None:
        """Sends what differs, unless the transaction has failed or the connection is busy."""
        status = self._status
        pipeline = self._driver.pgconn.pipeline_status
        if status == TransactionStatus.IDLE:
            self._forget()
        elif status != TransactionStatus.INTRANS and not (
            status == TransactionStatus.ACTIVE and pipeline == PipelineStatus.ON
        ):
            return
        stale = self._stale()
        if stale:
            for variable in stale:
                self._remember_original(variable)
            statements = [
                variable.set_local(self.originals.get(variable) if text is None else text)
                for variable, text in stale.items()
            ]
            with self.connection.wrap_database_errors, self._cursor() as cursor:
                for statement in statements if pipeline else [sql.SQL("; ").join(statements)]:
                    cursor.execute(statement, prepare=False)
            self.sent.update(stale)
        self._in_step = _wanted.get()

    @property
    def _driver(self) -> Connection[Any]:
        return cast("Connection[Any]", self.connection.connection)

    @property
    def _status(self) -> int:
        return self._driver.pgconn.transaction_status

    def _forget(self) -> None:
        self.sent = {}
        self.originals = {}
        self._in_step = None

    def _wanted(self) -> dict[Variable, str]:
        """The value of each variable that this database is to have, as text."""
        values, rendered = self._rendered
        if values is not _wanted.get():
            values = _wanted.get()
            texts = {v: v.render(value, self.connection.alias) for v, value in values.items()}
            rendered = {variable: text for variable, text in texts.items() if text is not None}
            self._rendered = values, rendered
        return rendered

    def _stale(self) -> dict[Variable, str | None]:
        wanted = self._wanted()
        return {
            variable: wanted.get(variable)
            for variable in {**self.sent, **wanted}
            if self.sent.get(variable) != wanted.get(variable)
        }

    def _remember_original(self, variable: Variable) -> None:
        if isinstance(variable, RestoredVariable) and self.sent.get(variable) is None:
            # Unlike SELECT, SHOW may still be followed by SET TRANSACTION ISOLATION LEVEL.
            show = sql.SQL("SHOW {}").format(sql.Identifier(variable.setting))
            with self.connection.wrap_database_errors, self._cursor() as cursor:
                found = cursor.execute(show).fetchone()
            assert found is not None
            self.originals[variable] = found[0]

    def _cursor(self) -> Cursor[tuple[Any, ...]]:
        return self._driver.cursor(row_factory=tuple_row)


def _may_change_settings(query: Any, cursor: Any) -> bool:
    tag = cursor.statusmessage
    if tag in _CONTROL_TAGS:
        return True
    # A pipeline has no tag yet, and several statements give the first one's.
    text = _text(query)
    return (tag is None or ";" in text) and _CONTROL_WORDS.search(text) is not None


def _fits_a_pipeline(query: Any, cursor: Any) -> bool:
    """It takes one statement at a time, and declares no cursors."""
    return (
        Pipeline.is_supported() and ";" not in _text(query) and not isinstance(cursor, ServerCursor)
    )


def _text(query: Any) -> str:
    text = query.as_string(None) if isinstance(query, sql.Composable) else query
    return text.decode() if isinstance(text, bytes) else cast("str", text)


def _first_word(query: Any) -> str:
    """Of a statement that may be in a transaction, in lower case; else nothing."""
    text = _text(query)
    found = _FIRST_WORD.match(text)
    if not found or _NEVER_IN_A_TRANSACTION.match(text):
        return ""
    return found.group(1).lower()
