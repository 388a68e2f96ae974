"""Compiled triggers into the database, and out of it.

Note [Concurrent installs]. Two sessions that replace one function at once fail with "tuple
concurrently updated", so each change takes an advisory lock first, and reads the catalog again
under the lock. A change waits for its table as long as the connection's setting ``lock_timeout``
says; in a migration it cannot be tried again. Outside one, ``lock_timeout`` can be given
(``pgtrigger install --lock-timeout``): a change then waits no longer than that, so that writers do
not queue up behind it, and is tried again. After a deadlock it is tried again in any case.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg.errors
from django.db import OperationalError, transaction
from psycopg import sql

from pgtrigger import compiler, naming
from pgtrigger.database import catalog
from pgtrigger.sql import comments, function_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgtrigger.database.catalog import InstalledTrigger

    Changed = TypeVar("Changed")

# Any constant of ours: "pgtr" in ASCII.
ADVISORY_LOCK = 0x70677472
RETRIES = 10


def lock(connection: Any) -> None:
    """Takes the engine's lock for the rest of the transaction: see Note [Concurrent installs]."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def install(compiled: compiler.Trigger, connection: Any, lock_timeout: int | None = None) -> bool:
    """Creates the trigger, or changes what differs; whether anything did.

    ``lock_timeout`` is in milliseconds (None: as the server has it, and one try).
    """
    return _locked(connection, lambda: put(compiled, connection), lock_timeout)


def put(
    compiled: compiler.Trigger,
    connection: Any,
    *,
    table: str | None = None,
    enabled_state: str | None = None,
) -> bool:
    """What ``install`` does, for one who has the lock.

    ``table`` is where it goes when that is not called ``compiled.table`` at the moment;
    ``enabled_state`` is that of the trigger whose place it takes (one of ``ENABLED_STATES``).
    """
    script = list(changes(compiled, connection, table=table, enabled_state=enabled_state))
    if script:
        with connection.cursor() as cursor:
            cursor.execute("\n".join(script))
    return bool(script)


def changes(
    compiled: compiler.Trigger,
    connection: Any,
    *,
    table: str | None = None,
    enabled_state: str | None = None,
) -> Iterator[str]:
    """The statements that make the database fit, none where it does."""
    table = table or compiled.table
    declared = compiled.sql
    tables = catalog.tables(connection, {table, *declared.tables})
    installed = None
    if table in tables and compiled.pgid in tables[table].trigger_names:
        installed = catalog.read(connection, table).find(table, compiled.pgid)
    if installed and installed.is_defined_as(declared) and installed.does_as(declared):
        return
    target = _target(declared, connection, table, tables)
    # A schema that was renamed has another name in the function than in the catalog.
    is_same_function = (
        installed is not None
        and installed.does_as(declared)
        and installed.function_source.strip("\n") == declared.function_source(target).strip("\n")
    )
    if declared.makes_function and not is_same_function:
        yield declared.function_sql(target)
    if not (installed and installed.is_defined_as(declared)):
        if installed and installed.is_constraint and not declared.constraint:
            yield _drop_trigger(installed)
        yield declared.trigger_sql(target)
        enabled_state = installed.enabled_state if installed else enabled_state
        yield from _enabled_as(enabled_state, compiled.pgid, target)
    yield declared.comment_sql(target)
    if installed and not installed.calls_function_of(declared):
        yield from _drop_function(installed)


def script(compiled: compiler.Trigger, connection: Any, table: str) -> str:
    """Return the SQL that installs the trigger, for whoever runs it later on this database.

    A table that does not exist yet is expected in the schema in which it would be created now.
    """
    tables = catalog.tables(connection, {table, *compiled.sql.tables})
    return compiled.sql.install_sql(_target(compiled.sql, connection, table, tables))


def _target(
    declared: compiler.UpsertTriggerSql,
    connection: Any,
    table: str,
    tables: dict[str, catalog.Table],
) -> function_body.Target:
    """Return where the trigger goes, with the schemas of all names in it.

    A table that is not there under this name, such as one before its renaming, is expected beside
    the trigger's table.
    """
    schemas = {name: found.schema for name, found in tables.items()}
    path = (
        catalog.search_path(connection)
        if declared.reads_installers_path or table not in tables
        else []
    )
    home = function_body.Target(table, schemas).schema or next(iter(path), "")
    return function_body.Target(
        table,
        {**dict.fromkeys({*declared.tables, table}, home), **schemas},
        catalog.schemas_of_types(connection, declared.types),
        path,
    )


def uninstall(
    compiled: compiler.Trigger, connection: Any, lock_timeout: int | None = None
) -> InstalledTrigger | None:
    """Drops the trigger and its function; what was there, if anything was."""
    return _locked(connection, lambda: remove(compiled, connection), lock_timeout)


def remove(
    compiled: compiler.Trigger, connection: Any, table: str | None = None
) -> InstalledTrigger | None:
    """What ``uninstall`` does, for one who has the lock."""
    for installed in catalog.on_table(connection, table or compiled.table):
        if installed.pgid == compiled.pgid:
            with connection.cursor() as cursor:
                drop(installed, cursor)
            return installed
    return None


def drop(installed: InstalledTrigger, cursor: Any) -> None:
    """Drops a trigger that was found, and its function unless others call that."""
    drop_trigger(installed, cursor)
    drop_function(installed, cursor)


def drop_trigger(installed: InstalledTrigger, cursor: Any) -> None:
    """Drops a trigger that was found, and keeps its function."""
    cursor.execute(_drop_trigger(installed))


def drop_function(installed: InstalledTrigger, cursor: Any) -> None:
    """Drops the function of a trigger that is gone, unless others call it."""
    for statement in _drop_function(installed):
        cursor.execute(statement)


def forget_plans(installed: InstalledTrigger, cursor: Any) -> None:
    """Let every session compile the trigger's function again, because a column gets another type.

    A session that has called it would fail with "type of parameter does not match that when
    preparing the plan": it keeps the plans of OLD and NEW until the function itself changes.
    A trigger's function has no arguments, so that CALLED ON NULL INPUT changes nothing else.

    https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING
    """
    if installed.function.startswith(naming.PREFIX):
        name = sql.Identifier(installed.function_schema, installed.function)
        statement = sql.SQL("ALTER FUNCTION {}() CALLED ON NULL INPUT").format(name)
        cursor.execute(naming.as_text(statement))


def drop_functions(functions: list[tuple[str, str]], cursor: Any) -> None:
    """Drops the engine's functions of these (schema, name)."""
    for schema, name in functions:
        cursor.execute(naming.as_text(_DROP_FUNCTION.format(sql.Identifier(schema, name))))


def enable(compiled: compiler.Trigger, connection: Any) -> None:
    """Lets the trigger fire."""
    _alter(compiled, connection, "ENABLE TRIGGER")


def disable(compiled: compiler.Trigger, connection: Any) -> None:
    """Keeps the trigger from firing, whoever writes."""
    _alter(compiled, connection, "DISABLE TRIGGER")


def prune(installed: InstalledTrigger, connection: Any, lock_timeout: int | None = None) -> None:
    """Drops a trigger that no declaration asks for."""

    def change() -> None:
        snapshot = catalog.read(connection, f'"{installed.schema}"."{installed.table}"')
        for found in snapshot.triggers:
            if (found.schema, found.pgid) == (installed.schema, installed.pgid):
                with connection.cursor() as cursor:
                    drop(found, cursor)

    _locked(connection, change, lock_timeout)


def put_back(installed: InstalledTrigger, connection: Any) -> None:
    """Creates a trigger again that was dropped while its table was altered, as it was."""
    table = f'"{installed.schema}"."{installed.table}"'
    with connection.cursor() as cursor:
        cursor.execute(installed.definition)
        for statement in _enabled_as(
            installed.enabled_state, installed.pgid, function_body.Target(table)
        ):
            cursor.execute(statement)
    remark(installed, table, connection)


def remark(installed: InstalledTrigger, table: str, connection: Any) -> None:
    """Makes the comment of a trigger that fitted it fit again: PostgreSQL renders it otherwise now.

    ``table`` is what its table is called now.
    """
    if installed.declared_mark:
        target = function_body.Target(table)
        with connection.cursor() as cursor:
            cursor.execute(comments.comment_sql(installed.pgid, target, installed.declared_mark))


def _alter(compiled: compiler.Trigger, connection: Any, action: str) -> None:
    target = function_body.Target(compiled.table)
    with connection.cursor() as cursor:
        cursor.execute(compiler.alter_trigger(compiled.pgid, target, action))


def _enabled_as(state: str | None, pgid: str, target: function_body.Target) -> Iterator[str]:
    """A new trigger is enabled: what makes it as it was."""
    if state and state != "O":
        _, action = catalog.ENABLED_STATES[state]
        yield compiler.alter_trigger(pgid, target, action)


def _drop_trigger(installed: InstalledTrigger) -> str:
    return naming.as_text(
        sql.SQL("DROP TRIGGER {} ON {};").format(
            sql.Identifier(installed.pgid), sql.Identifier(installed.schema, installed.table)
        )
    )


def _drop_function(installed: InstalledTrigger) -> Iterator[str]:
    is_ours = installed.function.startswith(naming.PREFIX)
    if is_ours and not installed.function_shared:
        name = sql.Identifier(installed.function_schema, installed.function)
        yield naming.as_text(_DROP_FUNCTION.format(name))


def _locked(connection: Any, change: Callable[[], Changed], lock_timeout: int | None) -> Changed:
    """The change's result, made in a transaction under the engine's lock.

    What is tried again needs a transaction of its own, or a savepoint.
    """
    may_try_again = lock_timeout or not connection.in_atomic_block
    in_transaction = transaction.atomic(using=connection.alias, savepoint=bool(lock_timeout))
    for attempt in range(RETRIES if may_try_again else 1):
        if attempt:
            time.sleep(min(0.1 * 2**attempt, 2))
        try:
            with in_transaction:
                lock(connection)
                with _waiting_at_most(lock_timeout, connection):
                    return change()
        except OperationalError as error:
            is_timeout = isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
            is_deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
            if not (is_deadlock or (lock_timeout and is_timeout)):
                raise
            failure = error
    raise failure


@contextlib.contextmanager
def _waiting_at_most(lock_timeout: int | None, connection: Any) -> Iterator[None]:
    """What comes after it in the transaction waits as long as before it."""
    if lock_timeout is None:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.current_setting('lock_timeout')")
        (before,) = cursor.fetchone()
        cursor.execute(_SET_LOCK_TIMEOUT, [f"{lock_timeout}ms"])
        yield
        cursor.execute(_SET_LOCK_TIMEOUT, [before])


_SET_LOCK_TIMEOUT = "SELECT pg_catalog.set_config('lock_timeout', %s, true)"


_DROP_FUNCTION = sql.SQL("DROP FUNCTION IF EXISTS {}();")
