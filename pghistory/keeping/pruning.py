"""Remove old events in batches, and the contexts that no event refers to any more.

See Note [Last events] of ``pghistory.keeping.retention``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections
from psycopg import sql

from pghistory.keeping import ownership, retention, runs, selection
from pghistory.tracking import event_models
from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


@dataclass(frozen=True)
class Prune:
    """Removes the rows of one table that are older than a time and that a condition chooses."""

    model: Any
    before: datetime
    using: str
    is_old: sql.Composable
    is_removable: sql.Composable
    batch: int = 10_000

    def count(self) -> int:
        """Return how many rows would be removed now."""
        statement = sql.SQL("SELECT pg_catalog.count(*) FROM {} AS e WHERE {}").format(
            self._table, self.is_removable
        )
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.fetchone()[0])

    def run(self, progress: Callable[[int], None] = lambda rows: None) -> int:
        """Remove the rows, a transaction for each batch, and return how many.

        A run that was interrupted is continued by another.
        """
        run = runs.Run(runs.PRUNE, self.model, self.using)
        removed, last, is_new = 0, None, True
        while chosen := self._next(last):
            removed += runs.persist(functools.partial(self._remove, run, last, chosen, is_new))
            last, is_new = chosen, False
            progress(removed)
        if not is_new:
            run.finish(before=self.before.isoformat())
        return removed

    def _remove(self, run: runs.Run, last: Any, upto: Any, is_new: bool) -> int:
        """Remove one batch: the rows after ``last`` and until ``upto``."""
        statement = sql.SQL("DELETE FROM {} AS e WHERE {}e.{} <= {} AND {}").format(
            self._table, self._after(last), self._key, sql.Literal(upto), self.is_removable
        )
        with (
            run.batch() as cursor,
            ownership.as_owner(self.model, self.using),
            ownership.rules_set_aside(self.model, self.using),
        ):
            if is_new:
                run.complete_from(self.before)
            cursor.execute(statement)
            removed = int(cursor.rowcount)
            if removed:
                run.add(removed)
        return removed

    def _next(self, last: Any) -> Any:
        """The key of the last row of the next batch of old rows, None after the last batch."""
        statement = sql.SQL(
            "SELECT key FROM (SELECT e.{key} AS key FROM {table} AS e WHERE {after}{is_old} "
            "ORDER BY e.{key} LIMIT {batch}) AS batch ORDER BY key DESC LIMIT 1"
        ).format(
            key=self._key,
            table=self._table,
            after=self._after(last),
            is_old=self.is_old,
            batch=self.batch,
        )
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement)
            found = cursor.fetchone()
        return found[0] if found else None

    @property
    def _table(self) -> sql.Composable:
        return naming.table_identifier(self.model._meta.db_table)

    @property
    def _key(self) -> sql.Composable:
        return sql.Identifier(self.model._meta.pk.column)

    def _after(self, last: Any) -> sql.Composable:
        if last is None:
            return sql.SQL("")
        return sql.SQL("e.{} > {} AND ").format(self._key, sql.Literal(last))


def of_events(event_model: Any, before: datetime, *, using: str, batch: int = 10_000) -> Prune:
    """Return the removal of the events from before a time that are not needed any more."""
    kept = retention.Retention(event_model, before, using)
    return Prune(event_model, before, using, kept.is_old, kept.is_removable, batch)


def of_contexts(before: datetime, *, using: str, batch: int = 10_000) -> Prune:
    """Return the removal of the contexts from before a time that no event refers to."""
    context = apps.get_model("pghistory.Context")
    is_old = sql.SQL("e.created_at < {}").format(sql.Literal(before))
    conditions = [is_old, *_has_no_events(context, using)]
    return Prune(context, before, using, is_old, sql.SQL(" AND ").join(conditions), batch)


def _has_no_events(context: Any, using: str) -> Iterator[sql.Composable]:
    """The conditions that neither events nor other rows refer to the context ``e``."""
    template = sql.SQL("NOT EXISTS (SELECT FROM {} AS referring WHERE referring.{} = e.id)")
    for event_model in selection.on_database(event_models.all_event_models(), using):
        columns = {field.attname: field.column for field in event_model._meta.local_concrete_fields}
        if "pgh_context_id" in columns:
            table = naming.table_identifier(event_model._meta.db_table)
            yield template.format(table, sql.Identifier(columns["pgh_context_id"]))
    for schema, name, column in retention.referring(context, using):
        yield template.format(sql.Identifier(schema, name), sql.Identifier(column))
