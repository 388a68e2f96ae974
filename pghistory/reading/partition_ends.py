"""Find the keys at which the ranges of partitioned event tables end.

Note [In order of partitions]. PostgreSQL reads partitions one after another, from the newest down,
and stops at the first event that is found. But it does so only if the default partition cannot
contain one; otherwise it reads every partition for each event of a page. A query that names the end
of the ranges excludes the default partition when it is planned. What is at or above the end is
queried beside it: usually nothing.

An end is kept for ten minutes. If partitions were added meanwhile, the query is slower; what it
finds is the same.

https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITION-PRUNING
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.db.models.signals import post_migrate

from pgtrigger import naming
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS = 600

_known: dict[tuple[str, str, Any], tuple[float, int | None]] = {}


def find(event_models: Iterable[Any], connection: Any) -> dict[Any, int]:
    """Return the end of the ranges of each event model whose table is partitioned by ``pgh_id``."""
    if connection.vendor != "postgresql":
        return {}
    event_models = list(event_models)
    place = (connection.alias, str(connection.settings_dict["NAME"]))
    now = time.monotonic()
    unknown = [
        model
        for model in event_models
        if (*place, model) not in _known or _known[*place, model][0] + SECONDS < now
    ]
    if unknown:
        ends = _in_database([_text(model) for model in unknown], connection)
        for model in unknown:
            _known[*place, model] = (now, ends.get(_text(model)))
    ends_of_models = {model: _known[*place, model][1] for model in event_models}
    return {model: end for model, end in ends_of_models.items() if end is not None}


def _in_database(tables: list[str], connection: Any) -> dict[str, int]:
    """Query on the driver's cursor, so that a test's count of queries does not include this one."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(query(__package__, "partition_ends"), {"names": tables})
        return {table: end for table, end in cursor.fetchall() if end is not None}


def _text(event_model: Any) -> str:
    return naming.table_identifier(event_model._meta.db_table).as_string()


def forget(**kwargs: Any) -> None:
    """Forget the ends, so that they are read again after a migration."""
    _known.clear()


def watch_migrations() -> None:
    post_migrate.connect(forget, dispatch_uid="pghistory.partition_ends")
