"""Send the variables to the server of a connection when they differ from Python's values.

See Note [Transaction variables].
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg.errors
from django.db import NotSupportedError
from psycopg import Cursor, Pipeline, ServerCursor, sql
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from pgtrigger.session.statements import MAY_COMMIT, may_control_a_transaction, statements
from pgtrigger.session.variables import NOTHING, RestoredVariable, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from django.db.backends.postgresql.base import DatabaseWrapper
    from psycopg import Connection

    from pgtrigger.session.statements import ParsedStatement
    from pgtrigger.session.variables import Values, Variable

# The command tags of statements that may have changed, rolled back or ended the settings.
_CONTROL_TAGS = frozenset({b"BEGIN", b"START TRANSACTION", b"COMMIT", b"ROLLBACK", b"RESET"})

_SET_CONFIG = "SELECT pg_catalog.set_config(%s, %s, true) IS NULL"
_UNKNOWN = "unknown"

# Looked up once: each statement needs them, and a look-up in the enumeration is slow.
_IDLE, _INTRANS = int(TransactionStatus.IDLE), int(TransactionStatus.INTRANS)
_ACTIVE = int(TransactionStatus.ACTIVE)


@dataclass(frozen=True)
class _Rendered:
    """The values of the variables as text, for one database."""

    values: Values
    texts: Mapping[Variable, str]
    _needed_by: dict[str, bool] = field(default_factory=dict)

    def are_needed_by(self, statement: ParsedStatement) -> bool:
        """Return whether the statement needs any of them even outside a transaction."""
        word = statement.first_word
        if word not in self._needed_by:
            self._needed_by[word] = any(word in variable.statements for variable in self.texts)
        return self._needed_by[word]


class Synchronizer:
    """The variables that the server of one connection has; an execute wrapper sends changes.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """

    def __init__(self, connection: DatabaseWrapper):
        self.connection = connection
        self.sent: dict[Variable, str | None] = {}
        self.originals: dict[Variable, str] = {}
        self._in_step: Values | None = None
        self._rendered = _Rendered(NOTHING, NOTHING)

    @classmethod
    def of(cls, connection: Any) -> Synchronizer | None:
        """Return the synchronizer of a PostgreSQL connection; None if it was never opened."""
        return next((w for w in connection.execute_wrappers if isinstance(w, cls)), None)

    @classmethod
    def attach(cls, connection: DatabaseWrapper) -> Synchronizer:
        """Add one, once, as the first of the connection's execute wrappers.

        First, because ``execute_wrapper()`` pops the last wrapper when its block ends. If this
        one were appended inside the block, it would be popped.
        """
        synchronizer = cls.of(connection)
        if synchronizer is None:
            synchronizer = cls(connection)
            connection.execute_wrappers.insert(0, synchronizer)
        return synchronizer

    def __call__(
        self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        values = current()
        if not values and not self.sent:
            return execute(query, params, many, context)
        for variable, value in values.items():
            variable.check(value, self.connection.alias, query)
        found = statements(query)
        if len(found) > 1:
            self._reject_what_loses_settings(found)
        pgconn = self._driver.pgconn
        if values is not self._in_step or pgconn.transaction_status != _INTRANS:
            if not self._is_outside():
                self._synchronize()
            elif any(map(self._wanted().are_needed_by, found)):
                return self._execute_alone(found, execute, query, params, many, context)
        result = execute(query, params, many, context)
        if pgconn.transaction_status == _IDLE:
            if self.sent:
                self.forget()
        elif _may_change_settings(query, found, context["cursor"].cursor):
            self.sent = dict.fromkeys(self.sent, _UNKNOWN)
            self._in_step = None
            in_pipeline = self._status == TransactionStatus.ACTIVE and not self._driver.autocommit
            if in_pipeline or self._status == TransactionStatus.INTRANS:
                self._synchronize()
        return result

    def flush(self) -> None:
        """Send what differs now if a transaction is open or the next statement opens one."""
        if self._driver is not None and not self._is_outside():
            self._synchronize()

    def flush_before_commit(self) -> None:
        """Send what differs to the open transaction, if there is one, and do not begin one."""
        if (self.sent or current()) and self._driver is not None:
            if self._status == TransactionStatus.IDLE:
                self.forget()
            else:
                self._synchronize()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a transaction with the variables, for statements that bypass execute wrappers.

        It is not opened inside another transaction, or if there are no variables.
        """
        if self._driver is None or not current() or not self._is_outside():
            self.flush()
            yield
            return
        with self._driver.transaction():
            self._synchronize()
            yield

    def _reject_what_loses_settings(self, found: Sequence[ParsedStatement]) -> None:
        """Raise NotSupportedError if a statement would run after its settings have ended.

        The string goes to the server as one, so nothing can be sent between its statements.
        """
        rendered = self._wanted()
        is_lost = self._is_outside() and any(statement.ends_settings for statement in found)
        for statement in found:
            if is_lost and rendered.are_needed_by(statement):
                names = ", ".join(sorted(variable.setting for variable in rendered.texts))
                control = next(s.words[0] for s in found if s.ends_settings)
                raise NotSupportedError(
                    f"A query with several statements contains {control.upper()}, so its"
                    f" {statement.words[0].upper()} would be executed without {names}."
                    " Execute each statement on its own, or use transaction.atomic()."
                )
            is_lost = is_lost or statement.ends_settings

    def forget(self) -> None:
        """Forget the sent values: the transaction has ended, and the settings with it."""
        self.sent = {}
        self.originals = {}
        self._in_step = None

    def _is_outside(self) -> bool:
        """Return whether no transaction is open, so that the next statement runs in its own."""
        driver = self._driver
        if not driver.autocommit:
            return False
        status = driver.pgconn.transaction_status
        if status == _IDLE and self.sent:
            self.forget()
        # In a pipeline without BEGIN, ACTIVE is a transaction of that pipeline.
        return status in (_IDLE, _ACTIVE)

    def _execute_alone(
        self,
        found: Sequence[ParsedStatement],
        execute: Callable[..., Any],
        query: Any,
        params: Any,
        many: bool,
        context: Any,
    ) -> Any:
        """Execute the query in its own transaction, in one round trip if possible.

        https://www.psycopg.org/psycopg3/docs/advanced/pipeline.html
        """
        driver = self._driver
        with self.connection.wrap_database_errors:
            if self._status == TransactionStatus.ACTIVE:
                # A pipeline inside another one ends the implicit transaction of the outer one.
                with _pipeline(driver):
                    return self(execute, query, params, many, context)
            if not _fits_a_pipeline(found, context["cursor"].cursor):
                with driver.transaction():
                    self._synchronize()
                    return execute(query, params, many, context)
            cursor = Cursor(driver)
            try:
                with _pipeline(driver):
                    # The implicit transaction of a pipeline is not enough: psycopg cannot handle
                    # an error at its end, such as that of a deferred trigger. Not prepared,
                    # because another connection of a pooler may have prepared the same name.
                    cursor.execute("BEGIN", prepare=False)
                    for variable, text in self._wanted().texts.items():
                        # A long text costs less as a parameter than in SET LOCAL.
                        cursor.execute(_SET_CONFIG, (variable.setting, text), prepare=False)
                    result = execute(query, params, many, context)
                    cursor.execute("COMMIT", prepare=False)
            except BaseException as error:
                if not driver.closed:
                    driver.rollback()
                if self._ends_its_transaction(error, found):
                    raise NotSupportedError(self._why_it_cannot_end(found)) from error
                raise
            return result

    def _ends_its_transaction(self, error: BaseException, found: Sequence[ParsedStatement]) -> bool:
        """Return whether it failed because it is a procedure that ends its transaction itself."""
        return found[0].first_word in MAY_COMMIT and isinstance(
            error.__cause__ or error, psycopg.errors.InvalidTransactionTermination
        )

    def _why_it_cannot_end(self, found: Sequence[ParsedStatement]) -> str:
        names = ", ".join(sorted(variable.setting for variable in self._wanted().texts))
        return (
            f"This {found[0].first_word.upper()} ends its transaction, so the rest of it would be"
            f" executed without {names}. It was rolled back. Execute it outside of ignore(),"
            " context() and the like, or with the driver: connection.connection.execute(...)."
        )

    def _synchronize(self) -> None:
        """Send what differs, unless the transaction has failed or the connection is busy."""
        status = self._status
        pipeline = self._driver.pgconn.pipeline_status
        if status == TransactionStatus.IDLE:
            self.forget()
        elif status != TransactionStatus.INTRANS and not (
            status == TransactionStatus.ACTIVE and pipeline == PipelineStatus.ON
        ):
            return
        stale = self._stale()
        if stale:
            for variable in stale:
                self._remember_original(variable)
            settings = [
                variable.set_local(self.originals.get(variable) if text is None else text)
                for variable, text in stale.items()
            ]
            with self.connection.wrap_database_errors, self._cursor() as cursor:
                for statement in settings if pipeline else [sql.SQL("; ").join(settings)]:
                    cursor.execute(statement, prepare=False)
            self.sent.update(stale)
        self._in_step = current()

    @property
    def _driver(self) -> Connection[Any]:
        driver: Connection[Any] = self.connection.connection
        return driver

    @property
    def _status(self) -> int:
        return self._driver.pgconn.transaction_status

    def _wanted(self) -> _Rendered:
        """Return the values that this database should have."""
        values = current()
        if values is not self._rendered.values:
            texts = {v: v.render(value, self.connection.alias) for v, value in values.items()}
            self._rendered = _Rendered(
                values, {variable: text for variable, text in texts.items() if text is not None}
            )
        return self._rendered

    def _stale(self) -> dict[Variable, str | None]:
        texts = self._wanted().texts
        return {
            variable: texts.get(variable)
            for variable in {**self.sent, **texts}
            if self.sent.get(variable) != texts.get(variable)
        }

    def _remember_original(self, variable: Variable) -> None:
        if isinstance(variable, RestoredVariable) and self.sent.get(variable) is None:
            # Unlike SELECT, SHOW may still be followed by SET TRANSACTION ISOLATION LEVEL.
            show = sql.SQL("SHOW {}").format(sql.Identifier(variable.setting))
            with self.connection.wrap_database_errors, self._cursor() as cursor:
                found = cursor.execute(show, prepare=False).fetchone()
            assert found is not None
            self.originals[variable] = found[0]

    def _cursor(self) -> Cursor[tuple[Any, ...]]:
        return self._driver.cursor(row_factory=tuple_row)


def _may_change_settings(query: Any, found: Sequence[ParsedStatement], cursor: Any) -> bool:
    tag = cursor.pgresult.command_status if cursor.pgresult else None
    if tag in _CONTROL_TAGS:
        return True
    # A pipeline has no command tag yet; several statements have only that of the first.
    return (tag is None or len(found) > 1) and may_control_a_transaction(query)


def _fits_a_pipeline(found: Sequence[ParsedStatement], cursor: Any) -> bool:
    """Return whether it can run in a pipeline: one statement, no cursor declared, no COPY."""
    return (
        Pipeline.is_supported()
        and len(found) == 1
        and found[0].first_word != "copy"
        and not isinstance(cursor, ServerCursor)
    )


@contextlib.contextmanager
def _pipeline(driver: Connection[Any]) -> Iterator[None]:
    """A pipeline that raises an error of the block or of the server, and logs nothing.

    At the end of a pipeline psycopg logs the errors that follow from the first.
    """
    failure: Exception | None = None
    try:
        with driver.pipeline() as pipeline:
            try:
                yield
            except Exception as error:
                failure = error
                with contextlib.suppress(psycopg.Error):
                    pipeline.sync()
    except psycopg.Error:
        if failure is None:
            raise
    if failure is not None:
        raise failure
