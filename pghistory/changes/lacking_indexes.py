"""Event tables without an index that a change set needs.

An event table that is older than change sets has its column and no index on it, until
``manage.py pghistory upgrade`` builds that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Iterable

# A table of fewer pages of 8 kB is read in milliseconds.
LARGE = 1_000

# The valid indexes that begin with the column; those of a partitioned table are on it too.
# https://www.postgresql.org/docs/current/catalog-pg-index.html
_LACKING = """
    SELECT asked.name FROM pg_catalog.unnest(%s::text[]) AS asked(name)
    CROSS JOIN LATERAL pg_catalog.to_regclass(asked.name) AS found(oid)
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = found.oid AND i.indisvalid AND i.indpred IS NULL AND a.attname = %s
    ) AND (
        SELECT pg_catalog.sum(pg_catalog.pg_relation_size(part.relid)) >= %s
        FROM (
            SELECT relid FROM pg_catalog.pg_partition_tree(found.oid)
            UNION SELECT found.oid::pg_catalog.regclass
        ) AS part
    )
"""


def find(event_models: Iterable[Any], column: str, using: str) -> list[Any]:
    """Return the event models with a large table and no index that begins with the column."""
    tables = {
        naming.as_text(naming.table_identifier(model._meta.db_table)): model
        for model in event_models
    }
    with connections[using].cursor() as cursor:
        cursor.execute(_LACKING, [list(tables), column, LARGE * 8192])
        return [tables[name] for (name,) in cursor.fetchall()]
