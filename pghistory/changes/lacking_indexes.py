"""Event tables without an index that a change set needs.

An event table that is older than change sets has the column, but an index on it only after
``manage.py pghistory upgrade``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections

from pgtrigger import naming
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable

# A table of fewer pages of 8 kB is read in milliseconds.
LARGE = 1_000


def find(event_models: Iterable[Any], column: str, using: str) -> list[Any]:
    """Return the event models with a large table and no index that begins with the column."""
    tables = {
        naming.table_identifier(model._meta.db_table).as_string(): model for model in event_models
    }
    with connections[using].cursor() as cursor:
        parameters: dict[str, Any] = {
            "names": list(tables),
            "column": column,
            "large": LARGE * 8192,
        }
        cursor.execute(query(__package__, "lacking_indexes"), parameters)
        return [tables[name] for (name,) in cursor.fetchall()]
