"""System checks.

pghistory.E001
    Events of a partitioned table are captured once a statement, so that what is written into a
    partition directly has none (``manage.py check --database ALIAS``; ``migrate`` runs it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks
from django.db import connections

import pgtrigger
from pghistory.trigger import Event
from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Iterable

# https://www.postgresql.org/docs/current/catalog-pg-class.html
_PARTITIONED = """
    SELECT asked.name FROM pg_catalog.unnest(%s::text[]) AS asked(name)
    JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(asked.name)
    WHERE c.relkind = 'p'
"""


def register() -> None:
    checks.register(check_partitioned, checks.Tags.database)


def check_partitioned(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Looks whether the tables with statement-level capture are partitioned."""
    return [message for alias in databases or () for message in _messages(alias)]


def _messages(alias: str) -> list[checks.CheckMessage]:
    if connections[alias].vendor != "postgresql":
        return []
    captured = {
        naming.as_text(naming.table_identifier(model._meta.db_table)): model._meta.label
        for model, trigger in pgtrigger.registered()
        if isinstance(trigger, Event)
        and trigger.level == pgtrigger.Statement
        and trigger.operation != pgtrigger.Truncate
    }
    with connections[alias].cursor() as cursor:
        cursor.execute(_PARTITIONED, [list(captured)])
        found = sorted(captured[name] for (name,) in cursor.fetchall())
    return [
        checks.Error(
            f"The table of {label} is partitioned, and its events are captured once a statement.",
            hint="What is written into a partition directly, or moved to another one, passes "
            "row-level triggers only: track it with @pghistory.track(level=pgtrigger.Row).",
            id="pghistory.E001",
        )
        for label in found
    ]
