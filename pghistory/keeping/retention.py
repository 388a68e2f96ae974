"""Find the events before a time that can be removed.

Note [Last events]. ``as_of(t)`` reads the last event of each object until ``t``. So the last event
of each object before the time stays: a later ``t`` may need it. The event of a deletion can be
removed too, after all earlier ones of its object: until then, an earlier one would become the
last. Events are therefore removed in the order of their keys.

Events that other rows refer to also stay.

https://www.postgresql.org/docs/current/catalog-pg-constraint.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pghistory.keeping import backfill
from pghistory.reading import history
from pghistory.vocabulary import inheritance
from pgtrigger import naming
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta


@dataclass(frozen=True)
class Retention:
    """The events of one event model that are older than a time."""

    event_model: Any
    before: datetime
    using: str

    @property
    def events(self) -> sql.Composable:
        """The table, which statements call ``e``."""
        return naming.table_identifier(self.event_model._meta.db_table)

    @property
    def is_old(self) -> sql.Composable:
        return sql.SQL("e.pgh_created_at < {}").format(sql.Literal(self.before))

    @property
    def is_removable(self) -> sql.Composable:
        """The condition on ``e``: old, and not needed. See Note [Last events]."""
        conditions = [
            self.is_old,
            *([sql.SQL("NOT ({})").format(self._is_last)] if self._obj else []),
            *self._is_referred_to(),
        ]
        return sql.SQL(" AND ").join(conditions)

    def last_of(self, tables: Iterable[sql.Composable], end: int) -> sql.Composable:
        """Return the SELECT of the events to keep of partitions with all keys below ``end``.

        It gives what ``is_removable`` leaves if all their events are old and none is referred to,
        but it reads each partition once, and of newer ones only the events before the time.
        """
        every = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {} FROM {}").format(self.columns, table) for table in tables
        )
        if not self._obj:
            return sql.SQL("SELECT {} FROM ({}) AS e WHERE false").format(self.columns, every)
        obj = sql.SQL(", ").join(sql.SQL("e.{}").format(sql.Identifier(each)) for each in self._obj)
        return sql.SQL(
            "SELECT {columns} FROM (SELECT DISTINCT ON ({obj}) e.* FROM ({every}) AS e "
            "WHERE {present} IS NOT NULL{counted} ORDER BY {obj}, e.pgh_id DESC) AS e "
            "WHERE e.pgh_label <> ALL ({gone}::text[]) AND NOT EXISTS ("
            "SELECT FROM {events} AS other WHERE {same} AND other.pgh_id >= {end} "
            "AND other.pgh_created_at < {before}{others})"
        ).format(
            columns=self.columns,
            obj=obj,
            every=every,
            present=sql.SQL("e.{}").format(sql.Identifier(self._obj[0])),
            counted=self._counted("e"),
            gone=sql.Literal(history.labels_of_deletions(self.event_model)),
            events=self.events,
            same=self._same,
            end=sql.Literal(end),
            before=sql.Literal(self.before),
            others=self._counted("other"),
        )

    @property
    def columns(self) -> sql.Composable:
        """The columns of the table."""
        fields = self.event_model._meta.local_concrete_fields
        return sql.SQL(", ").join(sql.Identifier(field.column) for field in fields)

    @property
    def _is_last(self) -> sql.Composable:
        """The condition that the event says what its object was at the time."""
        other = {"events": self.events, "same": self._same, "counted": self._counted("other")}
        is_overtaken = sql.SQL(
            "EXISTS (SELECT FROM {events} AS other WHERE {same} AND other.pgh_id > e.pgh_id "
            "AND other.pgh_created_at < {before}{counted})"
        ).format(before=sql.Literal(self.before), **other)
        hides_newer = sql.SQL(
            "EXISTS (SELECT FROM {events} AS other WHERE {same} AND other.pgh_id < e.pgh_id "
            "AND other.pgh_created_at >= {before}{counted})"
        ).format(before=sql.Literal(self.before), **other)
        gone = sql.Literal(history.labels_of_deletions(self.event_model))
        return sql.SQL(
            "{present} IS NOT NULL{counted} AND NOT {is_overtaken} "
            "AND (e.pgh_label <> ALL ({gone}::text[]) OR {hides_newer})"
        ).format(
            present=sql.SQL("e.{}").format(sql.Identifier(self._obj[0])),
            counted=self._counted("e"),
            is_overtaken=is_overtaken,
            gone=gone,
            hides_newer=hides_newer,
        )

    @property
    def _obj(self) -> list[str]:
        """The columns that say which object an event is about."""
        own = inheritance.concrete(self.event_model.pgh_tracked_model)
        return [str(near.column) for near, _ in backfill.identity(self.event_model, own)]

    @property
    def _same(self) -> sql.Composable:
        columns = [sql.SQL("other.{0} = e.{0}").format(sql.Identifier(each)) for each in self._obj]
        return sql.SQL(" AND ").join(columns)

    def _counted(self, alias: str) -> sql.Composable:
        """The condition that the event is one of those that ``as_of()`` reads, if it reads any."""
        try:
            witness = history.witness(self.event_model.pgh_tracked_model)
        except ValueError:
            return sql.SQL("")
        if witness.event_model is not self.event_model:
            return sql.SQL("")
        labels = sql.Literal([*witness.stayed, *witness.gone])
        return sql.SQL(" AND {}.pgh_label = ANY ({})").format(sql.SQL(alias), labels)

    def _is_referred_to(self) -> list[sql.Composable]:
        return [
            sql.SQL(
                "NOT EXISTS (SELECT FROM {} AS referring WHERE referring.{} = e.pgh_id)"
            ).format(sql.Identifier(schema, table), sql.Identifier(column))
            for schema, table, column in referring(self.event_model, self.using)
        ]


def referring(model: Any, using: str) -> list[tuple[str, str, str]]:
    """The (schema, table, column) of foreign keys that point to the model's table."""
    table = naming.table_identifier(model._meta.db_table).as_string()
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "referring"), {"table": table})
        return list(cursor.fetchall())


def time_before(age: str | timedelta, using: str) -> datetime:
    """Return the time of this age, by the clock of the database.

    Args:
        age: A timedelta, or a text that PostgreSQL reads as an interval, such as ``7 years``.
    """
    params: list[Any] = [age]
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_catalog.now() - %s::pg_catalog.interval", params)
        (time,) = cursor.fetchone()
    return time  # type: ignore[no-any-return]
