"""Where a scenario plays, so that nothing of it stays: in a rehearsal, or in a schema of its own.

Note [Rehearsal]
A scenario is written for autocommit: each write stands for itself, and one that is refused leaves
the next ones unharmed. Inside a transaction, which we need so that nothing stays, the first
refusal would abort everything. So in a rehearsal there is one real transaction, Django is told that
there is none, and what it sends as BEGIN, COMMIT and ROLLBACK goes as a savepoint of that name.
What happens at COMMIT alone, deferred constraints and triggers, does not happen: a scenario about
those says `OWN_SCHEMA = True` and plays in a schema that is dropped.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

import pgtrigger
from tutorial.recording import STAGE_SAVEPOINTS, STATEMENT_SAVEPOINT, TRANSACTION_SAVEPOINT

SCHEMA_PREFIX = "play_"
_NEXT_STATEMENT = f"RELEASE SAVEPOINT {STATEMENT_SAVEPOINT}; SAVEPOINT {STATEMENT_SAVEPOINT}"

# What Django keeps of the transaction it is in, and what it would hold in autocommit.
_AUTOCOMMIT: dict[str, Callable[[], Any]] = {
    "in_atomic_block": bool,
    "needs_rollback": bool,
    "savepoint_ids": list,
    "atomic_blocks": list,
    "run_on_commit": list,
    "run_commit_hooks_on_set_autocommit_on": bool,
    "autocommit": lambda: True,
    "commit_on_exit": lambda: True,
}


@contextmanager
def rehearsal(using: str = DEFAULT_DB_ALIAS) -> Iterator[BaseDatabaseWrapper]:
    """A connection that seems to be in autocommit, and keeps nothing. See Note [Rehearsal]."""
    connection = connections[using]
    with transaction.atomic(using):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '5s'")
        kept = {name: getattr(connection, name) for name in _AUTOCOMMIT}
        for name, value in _AUTOCOMMIT.items():
            setattr(connection, name, value())
        try:
            with _savepoints_for_transactions(connection):
                yield connection
        finally:
            for name, value in kept.items():
                setattr(connection, name, value)
            transaction.set_rollback(True, using)


@contextmanager
def _savepoints_for_transactions(connection: BaseDatabaseWrapper) -> Iterator[None]:
    def send(command: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"{command} {TRANSACTION_SAVEPOINT}")

    def set_autocommit(autocommit: bool) -> None:
        if not autocommit:
            send("SAVEPOINT")

    def shield(
        execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """A statement in autocommit, refused, takes back itself alone."""
        if connection.in_atomic_block or str(query).endswith(STAGE_SAVEPOINTS):
            return execute(query, params, many, context)
        try:
            result = execute(query, params, many, context)
        except BaseException:
            connection.connection.execute(f"ROLLBACK TO SAVEPOINT {STATEMENT_SAVEPOINT}")
            raise
        connection.connection.execute(_NEXT_STATEMENT)
        return result

    connection._set_autocommit = set_autocommit
    connection._commit = lambda: send("RELEASE SAVEPOINT")
    connection._rollback = lambda: send("ROLLBACK TO SAVEPOINT")
    connection.connection.execute(f"SAVEPOINT {STATEMENT_SAVEPOINT}")
    try:
        with connection.execute_wrapper(shield):
            yield
    finally:
        del connection._set_autocommit, connection._commit, connection._rollback


@contextmanager
def own_schema(
    shown: Sequence[type[models.Model]], using: str = DEFAULT_DB_ALIAS
) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, to a schema of its own that holds empty tables of these models."""
    visitors = connections[using]
    connection = connections[using] = visitors.copy()
    schema = f"{SCHEMA_PREFIX}{uuid.uuid4().hex[:12]}"
    try:
        _create_schema(connection, schema)
        with connection.schema_editor() as editor:
            for model in shown:
                editor.create_model(model)
        for model, trigger in pgtrigger.registered():
            if model in shown:
                trigger.install(model, using)
        try:
            yield connection
        finally:
            _drop_schema(connection, schema)
    finally:
        connection.close()
        connections[using] = visitors


def _create_schema(connection: BaseDatabaseWrapper, schema: str) -> None:
    """The schema, held by an advisory lock: one that nobody holds was left by a crash."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)"
            " AND pg_try_advisory_lock(hashtext(nspname))",
            [SCHEMA_PREFIX],
        )
        for (left,) in cursor.fetchall():
            _drop_schema(connection, left)
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [schema])
        name = sql.Identifier(schema)
        cursor.execute(sql.SQL("CREATE SCHEMA {}").format(name))
        cursor.execute(sql.SQL("SET search_path TO {}").format(name))
        cursor.execute("SET statement_timeout = '5s'")


def _drop_schema(connection: BaseDatabaseWrapper, schema: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
