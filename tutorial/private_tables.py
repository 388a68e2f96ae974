"""Empty tables for one run of code, in a transaction that is rolled back.

Note [Private tables]
A scenario is written for autocommit: each statement is a transaction, and one that is refused does
not affect the next. It must also leave nothing behind, neither rows nor settings, and must not
depend on rows that somebody left in the real tables. So a run has a connection whose whole life is
one transaction: it creates a schema with empty copies of the tables and their triggers, puts that
schema first in the search_path with SET LOCAL, and is rolled back at the end. On this connection a
transaction of Django is a savepoint. Before a savepoint is released, deferred constraints and
triggers are checked, as COMMIT would check them, and transaction-local settings are reset.

Nothing is set for the session, so this also works through a connection pooler. No other client
sees the tables, so no visitor waits for another one's rows.
"""

import functools
import math
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from django.contrib.auth import get_user_model
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg import Cursor, sql

import pgtrigger
from integrity import constraints
from pghistory.models import Context, Maintenance
from pghistory.past import schemas, views
from pghistory.vocabulary import constants
from pgtrigger.database import installation, recording
from pgtrigger.models import Violation, ViolationCount
from pgtrigger.session.synchronizer import Synchronizer
from pgtrigger.sql import ignore_check
from pgtrigger.triggers import registry
from tutorial.timeline import event_models

SCHEMA_PREFIX = "play_"
TRANSACTION = sql.Identifier("private_transaction")
STATEMENT = sql.Identifier("private_statement")
STATEMENT_TIMEOUT = "5s"
LOCK_TIMEOUT = "2s"
RUN_TIMEOUT = 15
"""Seconds after which no statement of a run begins."""

# Settings that Python or a trigger sets for a transaction.
_TRANSACTION_SETTINGS = (
    ignore_check.IGNORE_SETTING,
    ignore_check.IGNORE_ALL_BUT_SETTING,
    constants.CONTEXT_ID,
    constants.CONTEXT_METADATA,
    constants.CONTEXT_WRITTEN,
    constraints.VARIABLE,
    schemas.TIME,
)
_RESET = sql.SQL("SELECT {}").format(
    sql.SQL(", ").join(
        sql.SQL("pg_catalog.set_config({}, '', true)").format(sql.Literal(name))
        for name in _TRANSACTION_SETTINGS
    )
)
_INITIALLY_DEFERRED = """
    SELECT conname FROM pg_catalog.pg_constraint
    WHERE condeferred AND connamespace = %s::pg_catalog.regnamespace
"""


class PrivateConnection(DatabaseWrapper):
    """A connection that is one transaction. See Note [Private tables].

    ``announce(command)`` is a context manager that is entered when Django begins or ends a
    transaction.
    """

    announce: Callable[[str], AbstractContextManager[None]] = staticmethod(
        lambda command: nullcontext()
    )

    def __init__(self, settings_dict: dict[str, Any], alias: str):
        options = {
            name: value for name, value in settings_dict["OPTIONS"].items() if name != "pool"
        }
        super().__init__(settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": 0}, alias)
        self.schema = f"{SCHEMA_PREFIX}{uuid.uuid4().hex[:12]}"
        self.execute_wrappers += [self._in_time, self._in_its_own_savepoint]
        self.ends_at = math.inf

    def send(self, *statements: sql.Composable | str) -> None:
        """Execute statements that are not the scenario's."""
        cursor = Cursor(self.connection)
        for statement in statements:
            cursor.execute(statement)  # type: ignore[arg-type]

    def open_schema(self) -> None:
        """Create the schema and use it until the rollback."""
        self.ensure_connection()
        self.ends_at = time.monotonic() + RUN_TIMEOUT
        self.send(
            sql.SQL("SET LOCAL statement_timeout TO {}").format(STATEMENT_TIMEOUT),
            sql.SQL("SET LOCAL lock_timeout TO {}").format(LOCK_TIMEOUT),
            sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)),
            self._search_path,
        )

    @property
    def _search_path(self) -> sql.Composed:
        return sql.SQL("SET LOCAL search_path TO {}, public").format(sql.Identifier(self.schema))

    def _set_autocommit(self, autocommit: bool) -> None:
        if not autocommit:
            with self.announce("BEGIN"):
                self.send(sql.SQL("SAVEPOINT {}").format(TRANSACTION))

    def _commit(self) -> None:
        with self.announce("COMMIT"), self.wrap_database_errors:
            self._end(TRANSACTION)

    def _rollback(self) -> None:
        if self.connection.closed:
            return
        with self.announce("ROLLBACK"):
            self._take_back(TRANSACTION)

    def _end(self, savepoint: sql.Identifier) -> None:
        """Do what COMMIT does, and release the savepoint."""
        cursor = Cursor(self.connection)
        deferred = [
            sql.Identifier(self.schema, name)
            for (name,) in cursor.execute(_INITIALLY_DEFERRED, [self.schema]).fetchall()
        ]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if deferred:
            names = sql.SQL(", ").join(deferred)
            cursor.execute(sql.SQL("SET CONSTRAINTS {} DEFERRED").format(names))
        cursor.execute(_RESET)
        cursor.execute(self._search_path)
        cursor.execute(sql.SQL("RELEASE SAVEPOINT {}").format(savepoint))

    def _take_back(self, savepoint: sql.Identifier) -> None:
        self.send(
            sql.SQL("ROLLBACK TO SAVEPOINT {}").format(savepoint),
            sql.SQL("RELEASE SAVEPOINT {}").format(savepoint),
        )

    @property
    def is_out_of_time(self) -> bool:
        """Return whether the run has taken ``RUN_TIMEOUT`` seconds."""
        return time.monotonic() > self.ends_at

    def _in_time(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        """Execute a statement, or raise what PostgreSQL raises after ``statement_timeout``."""
        if self.is_out_of_time:
            with self.wrap_database_errors:
                raise psycopg.errors.QueryCanceled(f"The run took longer than {RUN_TIMEOUT} s.")
        return execute(*arguments)

    def _in_its_own_savepoint(
        self,
        execute: Callable[..., Any],
        query: Any,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        """Execute a statement outside Django's transactions, as a separate transaction."""
        if self.in_atomic_block or not self.autocommit:
            return execute(query, params, many, context)
        self.send(sql.SQL("SAVEPOINT {}").format(STATEMENT))
        try:
            result = execute(query, params, many, context)
            with self.wrap_database_errors:
                self._end(STATEMENT)
            synchronizer = Synchronizer.of(self)
            if synchronizer is not None:
                synchronizer.forget()
        except BaseException:
            if not self.connection.closed:
                self._take_back(STATEMENT)
            raise
        return result


@contextmanager
def private_tables(
    shown: Iterable[type[models.Model]],
    using: str = DEFAULT_DB_ALIAS,
    *,
    without_triggers: Collection[type[models.Model]] = (),
) -> Iterator[PrivateConnection]:
    """Give ``using`` empty tables of these models, and of what they refer to, in the block.

    Args:
        shown: Models, whose event models and related models are added.
        using: The alias of the database.
        without_triggers: Models whose triggers are not installed.
    """
    shared = connections[using]
    backend: Any = type(shared)  # its stubs deny that a class can be hashed
    connection = connections[using] = _private_class(backend)(shared.settings_dict, using)
    try:
        connection.open_schema()
        created = with_related(shown)
        with connection.schema_editor(atomic=False) as editor:
            vars(editor)["installs_triggers"] = False
            for model in created:
                editor.create_model(model)
        if Violation in created:
            recording.install(connection)
        for model, trigger in pgtrigger.registered():
            if model._meta.concrete_model in created and model not in without_triggers:
                installation.put(trigger.compile(model), connection)
        if Maintenance in created:
            views.install(using)
        yield connection
    finally:
        if connection.connection is not None and not connection.connection.closed:
            connection.connection.rollback()
        connection.close()
        connections[using] = shared


@functools.cache
def _private_class(backend: type[Any]) -> type[PrivateConnection]:
    """Return PrivateConnection on top of the project's own backend."""
    return type("PrivateConnection", (PrivateConnection, backend), {})


@functools.cache
def _with_related(shown: tuple[type[models.Model], ...]) -> tuple[type[models.Model], ...]:
    needed: list[type[models.Model]] = []

    def add(model: type[models.Model]) -> None:
        model = model._meta.concrete_model or model
        if model in needed or not model._meta.managed:
            return
        needed.append(model)
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            if field.related_model is not None:
                add(field.related_model)
        for event_model in event_models(model):
            for each in (event_model, Context, Maintenance, get_user_model()):
                add(each)
        if any(getattr(trigger, "reports", False) for trigger in registry.of_model(model)):
            add(Violation)
            add(ViolationCount)

    for model in shown:
        add(model)
        for relation in (model._meta.concrete_model or model)._meta.related_objects:
            if relation.on_delete is not models.DO_NOTHING:
                add(relation.related_model)  # a deletion looks for rows there
    return tuple(needed)


def with_related(shown: Iterable[type[models.Model]]) -> tuple[type[models.Model], ...]:
    """Return the models, their event models, and all models that are related to them."""
    return _with_related(tuple(shown))
