"""Changes of one database's triggers, each in a transaction under the engine's lock.

Note [Concurrent installs]. Two sessions that replace one function at once fail with "tuple
concurrently updated", so each change takes an advisory lock first, and reads the catalog again
under the lock. A change waits for its table as long as the connection's setting ``lock_timeout``
says; in a migration it cannot be tried again. Outside a migration, an installer may have its own
``lock_timeout`` (``pgtrigger install --lock-timeout``): a change then waits no longer than that, so
that writers do not queue up behind it, and is tried again. After a deadlock it is always tried
again.

https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg.errors
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, transaction

from pgtrigger import compiler
from pgtrigger.database import catalog, installation, partitions
from pgtrigger.sql import function_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgtrigger.database.catalog import InstalledTrigger

    Changed = TypeVar("Changed")

RETRIES = 10


@dataclass(frozen=True)
class Installer:
    """Installs and drops triggers through one connection.

    ``lock_timeout``
        How long a change waits for a table, in milliseconds. None: as long as the connection's
        setting says, with one try.
    """

    connection: Any
    lock_timeout: int | None = None

    @classmethod
    def on(cls, database: str | None, lock_timeout: int | None = None) -> Installer:
        """Return the installer of a database alias; None is the default database."""
        return cls(connection_to(database), lock_timeout)

    def install(self, compiled: compiler.Trigger) -> bool:
        """Create the trigger, or change what differs. Return whether anything did."""
        return self._locked(lambda: installation.put(compiled, self.connection))

    def uninstall(self, compiled: compiler.Trigger) -> InstalledTrigger | None:
        """Drop the trigger and its function. Return the trigger if there was one."""
        return self._locked(lambda: installation.remove(compiled, self.connection))

    def prune(self, installed: InstalledTrigger) -> None:
        """Drop a trigger that no model declares, and its function."""

        def change() -> None:
            snapshot = catalog.read(self.connection, f'"{installed.schema}"."{installed.table}"')
            for found in snapshot.triggers:
                if (found.schema, found.pgid) == (installed.schema, installed.pgid):
                    with self.connection.cursor() as cursor:
                        installation.drop(found, cursor)

        self._locked(change)

    def prune_functions(self) -> None:
        """Drop the engine's functions that no trigger calls."""

        def change() -> None:
            with self.connection.cursor() as cursor:
                installation.drop_functions(catalog.orphaned_functions(self.connection), cursor)

        self._locked(change)

    def enable(self, compiled: compiler.Trigger) -> None:
        """Let the trigger fire."""
        self._alter(compiled, "ENABLE TRIGGER")

    def disable(self, compiled: compiler.Trigger) -> None:
        """Keep the trigger from firing for any writer."""
        self._alter(compiled, "DISABLE TRIGGER")

    def _alter(self, compiled: compiler.Trigger, action: str) -> None:
        table, pgid = compiled.table, compiled.pgid
        with self.connection.cursor() as cursor:
            copies = [each.as_string() for each in partitions.with_copy(cursor, table, pgid)]
            for each in (table, *copies):
                target = function_body.Target(each)
                cursor.execute(compiler.alter_trigger(pgid, target, action))

    def _locked(self, change: Callable[[], Changed]) -> Changed:
        """Return the result of a change that is made in a transaction under the engine's lock.

        A change that may be tried again is made in its own transaction, or in a savepoint.
        """
        has_timeout = bool(self.lock_timeout)
        may_try_again = has_timeout or not self.connection.in_atomic_block
        in_transaction = transaction.atomic(using=self.connection.alias, savepoint=has_timeout)
        for attempt in range(RETRIES if may_try_again else 1):
            if attempt:
                time.sleep(min(0.1 * 2**attempt, 2))
            try:
                with in_transaction:
                    installation.lock(self.connection)
                    with self._waiting_at_most():
                        return change()
            except OperationalError as error:
                is_timeout = isinstance(error.__cause__, psycopg.errors.LockNotAvailable)
                is_deadlock = isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
                if not (is_deadlock or (has_timeout and is_timeout)):
                    raise
                failure = error
        raise failure

    @contextlib.contextmanager
    def _waiting_at_most(self) -> Iterator[None]:
        """Set ``lock_timeout``, and restore it for the rest of the transaction."""
        if self.lock_timeout is None:
            yield
            return
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT pg_catalog.current_setting('lock_timeout')")
            (before,) = cursor.fetchone()
            cursor.execute(_SET_LOCK_TIMEOUT, [f"{self.lock_timeout}ms"])
            yield
            cursor.execute(_SET_LOCK_TIMEOUT, [before])


def connection_to(database: str | None) -> Any:
    """Return the connection of a database alias; None is the default database."""
    return connections[database or DEFAULT_DB_ALIAS]


_SET_LOCK_TIMEOUT = "SELECT pg_catalog.set_config('lock_timeout', %s, true)"
