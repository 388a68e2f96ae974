"""The size of event tables, and their growth.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pghistory.keeping import partitions, selection
from pghistory.tracking import event_models
from pgtrigger import naming

if TYPE_CHECKING:
    from datetime import datetime

# Rows are PostgreSQL's estimate, -1 for a table that was never analyzed; times are exact.
_STATISTICS = """
    WITH parts AS (
        SELECT {name}::pg_catalog.regclass AS relid
        UNION SELECT relid FROM pg_catalog.pg_partition_tree({name}::pg_catalog.regclass)
    )
    SELECT
        (SELECT pg_catalog.sum(pg_catalog.pg_total_relation_size(relid)) FROM parts),
        (SELECT pg_catalog.sum(c.reltuples) FROM pg_catalog.pg_class c
            JOIN parts ON parts.relid = c.oid WHERE c.relkind = 'r'),
        (SELECT pg_catalog.min(pgh_created_at) FROM {table}),
        (SELECT pg_catalog.max(pgh_created_at) FROM {table}),
        (SELECT pg_catalog.count(*) FROM {table}
            WHERE pgh_created_at > pg_catalog.now() - interval '1 day')
"""


@dataclass(frozen=True)
class Statistics:
    """The estimated rows of an event table, its bytes with indexes, its times and partitions.

    ``partitions_left`` are those that no event has reached yet, and ``default_rows`` the events in
    the default partition, which should be empty; both are None if the table is not partitioned.
    """

    event_model: str
    table: str
    rows: int | None
    bytes: int
    last_day: int
    oldest: datetime | None
    newest: datetime | None
    partitions_left: int | None = None
    default_rows: int | None = None

    def as_json(self) -> dict[str, Any]:
        found = asdict(self)
        for name in ("oldest", "newest"):
            found[name] = found[name] and found[name].isoformat()
        return found


def collect(chosen: list[Any] | None = None, *, using: str) -> list[Statistics]:
    """Return the statistics of these event models, or all, the largest first."""
    found = [
        _of(event_model, using)
        for event_model in selection.on_database(chosen or event_models.all_event_models(), using)
    ]
    return sorted(found, key=lambda each: (-each.bytes, each.event_model))


def _of(event_model: Any, using: str) -> Statistics:
    table = event_model._meta.db_table
    identifier = naming.table_identifier(table)
    statement = sql.SQL(_STATISTICS).format(
        name=sql.Literal(identifier.as_string()), table=identifier
    )
    with connections[using].cursor() as cursor:
        cursor.execute(statement)
        size, rows, oldest, newest, last_day = cursor.fetchone()
    return Statistics(
        event_model._meta.label,
        table,
        None if rows is None or rows < 0 else int(rows),
        int(size),
        last_day,
        oldest,
        newest,
        *_partitions(table, using),
    )


def _partitions(table: str, using: str) -> tuple[int | None, int | None]:
    """The partitions left, and the events in the default partition."""
    found = partitions.read(table, using)
    if found is None:
        return None, None
    left = found.ahead_of(partitions.position(table, using))
    return left, partitions.events_in_default(found, using)
