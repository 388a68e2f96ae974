"""The values of an event, and what it changed, as SQL over one row of a timeline.

An event that stores NEW is compared with the object's previous event. One that stores OLD is
compared with the next event of its label or, if there is none, with the current row.

Keys are the columns of the table; a change is ``[before, after]``; without a change it is NULL.
https://www.postgresql.org/docs/current/functions-json.html
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.backends.utils import names_digest
from psycopg import sql

from pghistory.reading import absent_columns
from pghistory.vocabulary import inheritance, masking
from pgtrigger import naming
from pgtrigger.vocabulary.columns import OLD, column_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Field


@dataclass(frozen=True)
class EventTable:
    """An event model, and how its table is in the database."""

    event_model: Any
    absent: tuple[Any, ...] = ()
    """Its fields that are not in the database yet."""
    end: int | None = None
    """Where the ranges of its partitions end: see Note [In order of partitions]."""

    @property
    def source(self) -> sql.Composable:
        """Return the SQL that stands for the table in FROM."""
        return absent_columns.table(self.event_model, self.absent)

    @property
    def row_column(self) -> sql.Identifier | None:
        """The column of a timeline that has the whole event. See Note [Page first]."""
        if self.end is None or self.absent:
            return None
        return sql.Identifier(f"pgh_row_{names_digest(self.event_model._meta.db_table, length=8)}")


def data(timeline: sql.Composable, tables: Iterable[EventTable]) -> sql.Composable:
    """``pgh_data``: what the event holds."""
    return _by_model(timeline, tables, _data)


def diff(timeline: sql.Composable, tables: Iterable[EventTable]) -> sql.Composable:
    """``pgh_diff`` of ``Events``: compared with the object's previous event, of any label."""
    return _or_related(timeline, _by_model(timeline, tables, _diff))


def label_diff(timeline: sql.Composable, tables: Iterable[EventTable]) -> sql.Composable:
    """``pgh_diff`` of ``AggregateEvent``: compared with the previous event of the label."""
    return _or_related(timeline, _by_model(timeline, tables, _label_diff))


def _or_related(timeline: sql.Composable, changes: sql.Composable) -> sql.Composable:
    """The changes, or the row that was added to a relation of the object or removed from it."""
    return sql.SQL(
        "CASE WHEN {timeline}.pgh_relation IS NULL THEN {changes} ELSE "
        "pg_catalog.jsonb_build_object({timeline}.pgh_relation, {timeline}.pgh_related) END"
    ).format(timeline=timeline, changes=changes)


def context(timeline: sql.Composable, tables: Iterable[EventTable]) -> sql.Composable:
    """``pgh_context`` of ``Events``: the metadata."""
    return sql.SQL(
        "COALESCE({timeline}.pgh_metadata, (SELECT c.metadata FROM pghistory_context AS c "
        "WHERE c.id = {timeline}.pgh_context_id))"
    ).format(timeline=timeline)


def _by_model(
    timeline: sql.Composable,
    tables: Iterable[EventTable],
    value: Callable[[EventTable], sql.Composable],
) -> sql.Composable:
    """The value for the row's own event model; in it ``e`` is the event."""
    whens = [
        sql.SQL("WHEN {} THEN (SELECT {} FROM {})").format(
            sql.Literal(table.event_model._meta.label), value(table), _event(timeline, table)
        )
        for table in tables
    ]
    if not whens:
        return sql.SQL("NULL::jsonb")
    return sql.SQL("CASE {}.pgh_model {} END").format(timeline, sql.SQL(" ").join(whens))


def _event(timeline: sql.Composable, table: EventTable) -> sql.Composable:
    """The event ``e`` of a timeline's row, as a FROM clause."""
    if table.row_column is not None:
        return sql.SQL("(SELECT ({}.{}).*) AS e").format(timeline, table.row_column)
    return sql.SQL("{} AS e WHERE e.pgh_id = {}.pgh_id").format(table.source, timeline)


def tracked_columns(event_model: Any) -> list[Field[Any, Any]]:
    """The columns of an event table that the tracked model's rows have."""
    tracked = set(event_model.pgh_tracked_fields())
    return [field for field in event_model._meta.local_concrete_fields if field.name in tracked]


def shown_columns(event_model: Any) -> list[Field[Any, Any]]:
    """The columns of ``pgh_data``: the tracked ones, and those that a project added.

    A column that begins with ``pgh_`` is about the event and not part of its data.
    """
    tracked = {field.name for field in tracked_columns(event_model)}
    return [
        field
        for field in event_model._meta.local_concrete_fields
        if field.name in tracked or not str(field.column).startswith("pgh_")
    ]


def obj_columns(event_model: Any) -> list[str]:
    """The columns of an event table that say which object an event is about."""
    obj = {field.name: field for field in event_model._meta.local_fields}.get("pgh_obj")
    if obj is None:
        return []
    return [local.column for local, _ in obj.related_fields]


@functools.cache
def _data(table: EventTable) -> sql.Composable:
    event_model = table.event_model
    others = {field.column for field in event_model._meta.local_concrete_fields} - {
        field.column for field in shown_columns(event_model)
    }
    values = sql.SQL("pg_catalog.to_jsonb(e) - {}::text[]").format(sql.Literal(sorted(others)))
    if table.row_column is None:
        return values
    # PostgreSQL would evaluate so cheap an expression before it sorts: see Note [Page first].
    return sql.SQL(
        "COALESCE((SELECT pg_catalog.jsonb_object_agg(v.key, v.value) "
        "FROM pg_catalog.jsonb_each({}) AS v), '{{}}')"
    ).format(values)


@functools.cache
def _diff(table: EventTable) -> sql.Composable:
    return _rendered(_compared(table, per_label=False))


@functools.cache
def _label_diff(table: EventTable) -> sql.Composable:
    return _rendered(_compared(table, per_label=True))


def _rendered(composed: sql.Composable) -> sql.Composable:
    """Return the rendered SQL, which is cached."""
    return sql.SQL(composed.as_string())


def _compared(table: EventTable, *, per_label: bool) -> sql.Composable:
    event_model = table.event_model
    of_old = labels_of_old_rows(event_model)
    backward = _changes(event_model, _previous(table, per_label, of_old), "other", "e")
    if not of_old:
        return _with_masked(event_model, backward)
    forward = _changes(event_model, _next(table), "e", "other")
    return _with_masked(
        event_model,
        sql.SQL("CASE WHEN e.pgh_label = ANY ({}) THEN {} ELSE {} END").format(
            sql.Literal(of_old), forward, backward
        ),
    )


def _with_masked(event_model: Any, changes: sql.Composable) -> sql.Composable:
    """The changes, with a note of each masked field that the event's update changed."""
    every = {field.name: field for field in inheritance.all_columns(event_model.pgh_tracked_model)}
    flags = [
        sql.SQL("{}, CASE WHEN e.{} THEN pg_catalog.jsonb_build_array({}, {}) END").format(
            sql.Literal(every[name].column),
            sql.Identifier(masking.flag(name)),
            sql.Literal(masking.MASKED),
            sql.Literal(masking.CHANGED),
        )
        for name in event_model.pgh_masked_fields
    ]
    if not flags:
        return changes
    return sql.SQL(
        "NULLIF(COALESCE({}, '{{}}'::jsonb) || pg_catalog.jsonb_strip_nulls("
        "pg_catalog.jsonb_build_object({})), '{{}}'::jsonb)"
    ).format(changes, sql.SQL(", ").join(flags))


def _changes(event_model: Any, other: sql.Composable, before: str, after: str) -> sql.Composable:
    """Return the differences between the event and ``other``."""
    values = [
        sql.SQL("({}, pg_catalog.to_jsonb({}.{}), pg_catalog.to_jsonb({}.{}))").format(
            sql.Literal(field.column),
            sql.SQL(before),
            column_identifier(field),
            sql.SQL(after),
            column_identifier(field),
        )
        for field in shown_columns(event_model)
    ]
    if not values:
        return sql.SQL("NULL::jsonb")
    return sql.SQL(
        "(SELECT pg_catalog.jsonb_object_agg("
        "v.name, pg_catalog.jsonb_build_array(v.before, v.after)) "
        "FROM ({}) AS other, LATERAL (VALUES {}) AS v(name, before, after) "
        "WHERE v.before IS DISTINCT FROM v.after)"
    ).format(other, sql.SQL(", ").join(values))


def _previous(table: EventTable, per_label: bool, of_old: list[str]) -> sql.Composable:
    """The object's event before ``e``."""
    condition: sql.Composable = sql.SQL("")
    if per_label:
        condition = sql.SQL(" AND o.pgh_label = e.pgh_label")
    elif of_old:
        condition = sql.SQL(" AND o.pgh_label <> ALL ({})").format(sql.Literal(of_old))
    template = "SELECT o.* FROM {} AS o WHERE {} AND o.pgh_id < e.pgh_id{} "
    last = "ORDER BY o.pgh_id DESC LIMIT 1"
    same = _same_object(table.event_model)
    if table.end is None:
        return sql.SQL(template + last).format(table.source, same, condition)
    beyond, below = (
        sql.SQL(template + f"AND o.pgh_id {side} {{}} {last}").format(
            table.source, same, condition, sql.Literal(table.end)
        )
        for side in (">=", "<")
    )
    return sql.SQL(f"SELECT o.* FROM (({{}}) UNION ALL ({{}})) AS o {last}").format(beyond, below)


def _next(table: EventTable) -> sql.Composable:
    """Return the row after the update that ``e`` precedes: the label's next event, or the row."""
    event_model = table.event_model
    columns = [column_identifier(field) for field in shown_columns(event_model)]
    following = sql.SQL(
        "(SELECT 1 AS place, {} FROM {} AS o WHERE {} AND o.pgh_id > e.pgh_id "
        "AND o.pgh_label = ANY ({}) ORDER BY o.pgh_id LIMIT 1)"
    ).format(
        sql.SQL(", ").join(sql.SQL("o.{}").format(column) for column in columns),
        table.source,
        _same_object(event_model),
        sql.SQL("ARRAY[e.pgh_label] || {}").format(sql.Literal(labels_of_deletions(event_model))),
    )
    return sql.SQL("SELECT * FROM ({} UNION ALL {}) AS o ORDER BY o.place LIMIT 1").format(
        following, _live_row(event_model)
    )


def _live_row(event_model: Any) -> sql.Composable:
    """The row that ``e`` is about as it is now, with the event's columns in their order.

    Columns that only the event has, which a project added, stay as they are.
    """
    tracked = event_model.pgh_tracked_model
    own = inheritance.concrete(tracked)
    joins = inheritance.joins(tracked, own, "live")
    aliases = {own: "live", **{join.model: join.alias for join in joins}}
    live = {
        field.name: sql.SQL("{}.{}").format(
            sql.SQL(aliases[inheritance.owner(field)]), column_identifier(field)
        )
        for field in inheritance.all_columns(tracked)
    }
    tables = [sql.SQL("{} AS live").format(naming.table_identifier(own._meta.db_table))]
    tables += [
        sql.SQL("{} AS {}").format(
            naming.table_identifier(join.model._meta.db_table), sql.SQL(join.alias)
        )
        for join in joins
    ]
    where = [sql.SQL("{} = {}").format(*join.on) for join in joins]
    where += [
        sql.SQL("e.{} = {}").format(sql.Identifier(near.column), live[far.name])
        for near, far in event_model._meta.get_field("pgh_obj").related_fields
    ]
    return sql.SQL("(SELECT 2 AS place, {} FROM {} WHERE {})").format(
        sql.SQL(", ").join(
            live.get(field.name, sql.SQL("e.{}").format(column_identifier(field)))
            for field in shown_columns(event_model)
        ),
        sql.SQL(", ").join(tables),
        sql.SQL(" AND ").join(where),
    )


def _same_object(event_model: Any) -> sql.Composable:
    fields = {field.name: field for field in event_model._meta.local_fields}
    if "pgh_obj" not in fields:
        return sql.SQL("false")
    return sql.SQL(" AND ").join(
        sql.SQL("o.{column} = e.{column}").format(column=sql.Identifier(near.column))
        for near, _ in fields["pgh_obj"].related_fields
    )


def labels_of_old_rows(event_model: Any) -> list[str]:
    """The labels of events that hold the row as it was before an update."""
    return _labels(event_model, "UPDATE") if "pgh_obj" in _names(event_model) else []


def labels_of_deletions(event_model: Any) -> list[str]:
    """The labels of events that hold a deleted row."""
    return _labels(event_model, "DELETE")


def _labels(event_model: Any, operation: str) -> list[str]:
    return sorted(
        {
            str(event.label)
            for tracker in event_model.pgh_trackers
            for event in tracker.row_events()
            if event.row == OLD and operation in {each.name for each in event.operations}
        }
    )


def _names(event_model: Any) -> set[str]:
    return {field.name for field in event_model._meta.local_fields}
