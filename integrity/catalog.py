"""Look up the names in an error in the catalog, once per process and database.

https://www.postgresql.org/docs/current/catalogs.html
"""

import asyncio
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import psycopg
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg.pq import TransactionStatus

Row = tuple[Any, ...]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Constraint:
    """A constraint or unique index, as the root of its partition tree knows it."""

    schema: str
    table: str
    name: str
    kind: str  # 'primary key', 'unique', 'exclusion', 'foreign key' or 'check'
    columns: frozenset[str]
    has_expressions: bool  # it is also over expressions, which are not columns


def database_of(error: BaseException, model: type[Model]) -> str:
    """Return the alias of the connection that raised the error, or else that writes the model.

    Neither psycopg's error nor Django's names its connection, but its traceback contains it.
    """
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get("self")
        connection = owner.db if isinstance(owner, CursorWrapper) else owner
        if isinstance(connection, BaseDatabaseWrapper):
            return connection.alias
    return router.db_for_write(model)


def reported(error: BaseException) -> psycopg.Error | None:
    """Return the server's error that ``error`` is or was raised from, at any depth of the chain.

    Its ``diag`` contains the fields of the report. None if the server has not reported one: for
    an error that Python raised, or a lost connection.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
            return cause
        cause = cause.__cause__
    return None


# What an error of a SQLSTATE can be about. A check and a unique index may share a name.
KINDS = {
    "23505": {"unique", "primary key"},
    "23503": {"foreign key"},
    "23001": {"foreign key"},  # ON DELETE RESTRICT, since PostgreSQL 18
    "23514": {"check"},
    "23P01": {"exclusion"},
}


def constraints(error: psycopg.Error, using: str) -> list[Constraint]:
    """The constraint that ``error`` is about, if it is about one that is in the catalog."""
    report, kinds = error.diag, KINDS.get(error.sqlstate or "", set())
    return [
        Constraint(schema, table, name, kind, frozenset(columns), has_expressions)
        for schema, table, name, kind, columns, has_expressions in _known(
            using, "constraint", report.schema_name, report.table_name, report.constraint_name
        )
        if kind in kinds
    ]


def root(error: psycopg.Error, using: str) -> tuple[str, str] | None:
    """Schema and name of the table that ``error`` is about; of a partition, those of its root."""
    report = error.diag
    found = _known(using, "root", report.schema_name, report.table_name, None)
    return (found[0][0], found[0][1]) if found else None


def trigger_uris(error: psycopg.Error, using: str) -> set[str]:
    """The URIs of the triggers on the table that ``error`` is about, from their comments."""
    report = error.diag
    comments = _known(using, "triggers", report.schema_name, report.table_name, None)
    return {comment.split(maxsplit=1)[0] for (comment,) in comments if comment.strip()}


_answers: dict[tuple[str, str, str | None, str | None, str | None], list[Row]] = {}


def forget() -> None:
    """Forget everything that was read, after a migration or a change of the schema by hand."""
    _answers.clear()


def _known(
    using: str, question: str, schema: str | None, table: str | None, name: str | None
) -> list[Row]:
    """Return rows of the catalog, from a cache. A name without rows is looked up each time."""
    key = (using, question, schema, table, name)
    rows = _answers.get(key) or _read(
        using, question, {"schema": schema, "table": table, "name": name}
    )
    if rows:
        _answers[key] = rows
    return rows


def _read(using: str, question: str, parameters: Parameters) -> list[Row]:
    own = connections[using]
    if own.vendor != "postgresql":
        return []
    if _can_be_asked(own):
        return query(own, question, parameters)
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_query_apart, own, question, parameters).result()


def _can_be_asked(connection: BaseDatabaseWrapper) -> bool:
    """Return whether a query may be sent now; usually not, as an error fails its transaction."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return is_usable(connection)
    return False


def is_usable(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the connection is open, and not in a transaction that has failed."""
    return (
        connection.connection is not None
        and not connection.needs_rollback
        and connection.connection.info.transaction_status
        in (TransactionStatus.IDLE, TransactionStatus.INTRANS)
    )


def _query_apart(own: BaseDatabaseWrapper, question: str, parameters: Parameters) -> list[Row]:
    """Send the query on a separate connection, in a thread without an event loop."""
    apart = own.copy()
    # A pool may have no connection left, and this query must not wait until one is returned.
    apart.settings_dict["OPTIONS"].pop("pool", None)
    try:
        return query(apart, question, parameters)
    finally:
        apart.close()


def query(
    connection: BaseDatabaseWrapper, question: str, parameters: Parameters | None = None
) -> list[Row]:
    """Return the rows of the query of this name in ``sql/``."""
    statement = files(__package__).joinpath("sql", f"{question}.sql").read_text()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor)
