"""Write a first event for each row without events.

Note [First events]. A row must not get its first event after a later one. So each batch locks its
rows with FOR SHARE, which waits for transactions that change one of them, and looks for events only
afterwards, in a statement that sees what they committed. A later change of one of these rows waits
for the batch, so that its event has a later ``pgh_id``. Rows inserted meanwhile write their own
events.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

import pgtrigger
from pghistory.keeping import runs
from pghistory.vocabulary import inheritance
from pghistory.writing import capture, context
from pgtrigger import naming
from pgtrigger.sql.function_body import Relation
from pgtrigger.vocabulary.columns import NEW, TRANSITION_TABLES, column_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROW = sql.SQL(TRANSITION_TABLES.new)


class CannotBackfill(ValueError):
    """The events of the model cannot be written from its rows."""


@dataclass(frozen=True)
class FirstEvents:
    """First events of the label for the rows of one tracked model.

    ``event_model`` and ``tracked_model`` may be those of a migration's state.
    """

    event_model: Any
    tracked_model: Any
    label: str
    using: str
    batch: int = 10_000

    def run(self, progress: Callable[[int], None] = lambda rows: None) -> int:
        """Write the events, a transaction for each batch, and return how many.

        The next run continues an interrupted one: rows that have events are left out.
        """
        run = runs.Run(runs.BACKFILL, self.event_model, self.using)
        written, last = 0, None
        with context.context(reason="backfill", event_model=self.event_model._meta.label):
            while keys := self._next_keys(last):
                added = runs.persist(functools.partial(self._write, run, keys))
                written, last = written + added, keys[-1]
                progress(written)
        run.complete_from_now()
        run.finish(label=self.label)
        return written

    def _write(self, run: runs.Run, keys: list[tuple[Any, ...]]) -> int:
        opened = context.current()
        assert opened is not None
        params = [list(column) for column in zip(*keys, strict=True)]
        with run.batch() as cursor:
            cursor.execute(self._lock_statement(), params)
            cursor.execute(capture.CLAIM_CONTEXT)
            cursor.execute(self._insert_statement(), params)
            added = int(cursor.rowcount)
            if added and _has_context_key(self.event_model):
                context.write_row(opened, self.using)
            if added:
                run.add(added)
        return added

    def _next_keys(self, last: tuple[Any, ...] | None) -> list[tuple[Any, ...]]:
        """Return the keys after ``last`` of rows without events, in their order."""
        after: sql.Composable = sql.SQL("")
        if last is not None:
            values = sql.SQL(", ").join([sql.Placeholder()] * len(last))
            after = sql.SQL(" AND ({}) > ({})").format(self._key, values)
        statement = sql.SQL("SELECT {} FROM {} AS {} WHERE {}{} ORDER BY {} LIMIT {}").format(
            self._key, self._table, _ROW, self._has_no_events, after, self._key, self.batch
        )
        with connections[self.using].cursor() as cursor:
            cursor.execute(statement, list(last or ()))
            return list(cursor.fetchall())

    def _lock_statement(self) -> sql.Composable:
        joins = inheritance.joins(self.tracked_model, self._own, TRANSITION_TABLES.new)
        tables = [sql.SQL("{} AS {}").format(self._table, _ROW)]
        for join in joins:
            table = naming.table_identifier(join.model._meta.db_table)
            tables.append(sql.SQL("{} AS {}").format(table, sql.SQL(join.alias)))
        on = [sql.SQL("{} = {}").format(*join.on) for join in joins]
        where = [*on, self._is_chosen]
        return sql.SQL("SELECT FROM {} WHERE {} ORDER BY {} FOR SHARE").format(
            sql.SQL(", ").join(tables), sql.SQL(" AND ").join(where), self._key
        )

    def _insert_statement(self) -> sql.Composable:
        written = capture.Capture(
            self.event_model, self.tracked_model, self.label, self._own, NEW, TRANSITION_TABLES
        )
        where = sql.SQL("{} AND {}").format(self._is_chosen, self._has_no_events)
        source = [Relation(self._own._meta.db_table), sql.SQL(" AS {}").format(_ROW)]
        return sql.SQL(str(written.of_source(source, where, capture.context_id())))

    @property
    def _own(self) -> Any:
        return inheritance.concrete(self.tracked_model)

    @property
    def _table(self) -> sql.Composable:
        return naming.table_identifier(self._own._meta.db_table)

    @property
    def _pairs(self) -> Sequence[tuple[Any, Any]]:
        return identity(self.event_model, self._own)

    @property
    def _key(self) -> sql.Composable:
        return sql.SQL(", ").join(
            sql.SQL("{}.{}").format(_ROW, column_identifier(far)) for _, far in self._pairs
        )

    @property
    def _has_no_events(self) -> sql.Composable:
        same = sql.SQL(" AND ").join(
            sql.SQL("event.{} = {}.{}").format(
                sql.Identifier(near.column), _ROW, column_identifier(far)
            )
            for near, far in self._pairs
        )
        return sql.SQL("NOT EXISTS (SELECT FROM {} AS event WHERE {})").format(
            naming.table_identifier(self.event_model._meta.db_table), same
        )

    @property
    def _is_chosen(self) -> sql.Composable:
        """The condition that the row is one of the keys, an array for each column."""
        connection = connections[self.using]
        arrays = sql.SQL(", ").join(
            sql.SQL("pg_catalog.unnest(%s::{}[])").format(sql.SQL(str(far.rel_db_type(connection))))
            for _, far in self._pairs
        )
        return sql.SQL("({}) IN (SELECT * FROM ROWS FROM ({}) AS chosen)").format(self._key, arrays)


def of_event_model(event_model: Any, *, label: str | None, using: str, batch: int) -> FirstEvents:
    """Return the backfill of a declared event model.

    Raises:
        CannotBackfill: The label is not the model's, or no tracker writes events of inserts, or
            the events do not say which row they are about.
    """
    known = [str(tracker.label) for tracker in event_model.pgh_trackers]
    label = label or default_label(event_model)
    if label is None:
        raise CannotBackfill(
            f"{event_model._meta.label} has no event of an insert: choose a label with --label. "
            f"It has: {', '.join(known)}."
        )
    if label not in known:
        raise CannotBackfill(
            f"{label!r} is not a label of {event_model._meta.label}. It has: {', '.join(known)}."
        )
    tracked = event_model.pgh_tracked_model
    if not identity(event_model, inheritance.concrete(tracked)):
        raise CannotBackfill(
            f"{event_model._meta.label} has no pgh_obj and does not hold the key of "
            f"{tracked._meta.label}: its events cannot be compared with rows."
        )
    return FirstEvents(event_model, tracked, label, using, batch)


def default_label(event_model: Any) -> str | None:
    """The label of the first tracker that writes an event for each insert."""
    for tracker in event_model.pgh_trackers:
        for event in tracker.row_events():
            if pgtrigger.Insert in event.operations:
                return str(tracker.label)
    return None


def identity(event_model: Any, tracked_model: Any) -> list[tuple[Any, Any]]:
    """The fields of an event that say which row it is about, each with the row's own field.

    Without ``pgh_obj``, it is the copy of the key; empty if the events do not contain that either.
    """
    fields = {field.name: field for field in event_model._meta.local_fields}
    if "pgh_obj" in fields:
        return list(fields["pgh_obj"].related_fields)
    parts = inheritance.composite_key(tracked_model) or [tracked_model._meta.pk]
    if not all(part.name in fields for part in parts):
        return []
    return [(fields[part.name], part) for part in parts]


def _has_context_key(event_model: Any) -> bool:
    fields = {field.name: field for field in event_model._meta.local_fields}
    return "pgh_context" in fields and bool(fields["pgh_context"].is_relation)
