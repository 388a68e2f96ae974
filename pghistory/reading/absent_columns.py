"""Find columns that an event model declares but the database does not have yet.

Code may be deployed before its migrations are applied, and a project that moves from the PyPI
package has event tables of other models. Until the migration is applied, such a column is read as
NULL, and values that Python writes to it are left out.

A complete table is looked up once per process; an incomplete one, for each query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.signals import post_migrate
from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql.queries import query
from pgtrigger.vocabulary.columns import postgres_connection

if TYPE_CHECKING:
    from collections.abc import Iterable

_complete: set[tuple[str, str, Any]] = set()


def find(event_models: Iterable[Any], connection: Any) -> dict[Any, tuple[Any, ...]]:
    """Return the fields of each event model whose columns are absent; complete ones are left out.

    A model without a table is complete, so that a query of it fails as any other does.
    """
    if connection.vendor != "postgresql":
        return {}
    place = (connection.alias, str(connection.settings_dict["NAME"]))
    unknown = {
        naming.table_identifier(model._meta.db_table).as_string(): model
        for model in event_models
        if (*place, model) not in _complete
    }
    if not unknown:
        return {}
    absent = {}
    for table, columns in _in_database(list(unknown), connection):
        model = unknown[table]
        fields = [each for each in model._meta.local_concrete_fields if each.column not in columns]
        if fields:
            absent[model] = tuple(fields)
        else:
            _complete.add((*place, model))
    return absent


def _in_database(tables: list[str], connection: Any) -> list[tuple[str, list[str]]]:
    """Query on the driver's cursor, so that a test's count of queries does not include this one."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(query(__package__, "columns"), {"names": tables})
        return list(cursor.fetchall())


def table(event_model: Any, absent: Iterable[Any]) -> sql.Composable:
    """The event table, or a subquery in which the absent columns are NULL."""
    name = naming.table_identifier(event_model._meta.db_table)
    nulls = [null(field) for field in absent]
    if not nulls:
        return name
    return sql.SQL("(SELECT present.*, {} FROM {} AS present)").format(
        sql.SQL(", ").join(nulls), name
    )


def null(field: Any) -> sql.Composable:
    """``NULL::type AS column``."""
    kind = field.cast_db_type(postgres_connection())
    return sql.SQL("NULL::{} AS {}").format(sql.SQL(kind), sql.Identifier(field.column))


def forget(**kwargs: Any) -> None:
    """Forget what was found, because a migration has been applied or undone."""
    _complete.clear()


def watch_migrations() -> None:
    post_migrate.connect(forget, dispatch_uid="pghistory.absent_columns")
