"""The recorded changes of a model, each as an old and a new row: for ``manage.py pgtrigger try``.

An event that holds a new row is a change from the object's event before it. See Note [What events
say] of ``pghistory.reading.history``: a label that is used for deletions and for other changes says
nothing, and the old row of an update is unknown if there is no event before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from pghistory.reading import diffs
from pgtrigger import naming
from pgtrigger.vocabulary.columns import NEW, OLD, column_identifier, columns_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import Model

INSERT, UPDATE, DELETE = "INSERT", "UPDATE", "DELETE"
# The operations of events with a label, if the event holds the expected row.
_TELLING = ({INSERT}, {UPDATE}, {INSERT, UPDATE}, {DELETE})


@dataclass(frozen=True)
class RecordedChanges:
    """The events of one event model, by the operation that their labels stand for."""

    model: type[Model]
    event_model: Any
    operations: dict[str, frozenset[str]]

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that the events hold."""
        return frozenset(self._columns())

    def source(self, since: datetime | None) -> sql.Composable:
        """Return the FROM clause of the changes, with the rows OLD, NEW and ``change``."""
        chosen = sql.SQL("pgh_created_at >= {}").format(sql.Literal(since)) if since else None
        return _SOURCE.format(
            events=naming.table_identifier(self.event_model._meta.db_table),
            labels=sql.Literal(list(self.operations)),
            since=chosen or sql.SQL("true"),
            same_object=sql.SQL(" AND ").join(
                sql.SQL("other.{0} = event.{0}").format(sql.Identifier(column))
                for column in diffs.obj_columns(self.event_model)
            ),
            inserts=self._of({INSERT}),
            updates=self._of({UPDATE}),
            deletes=self._of({DELETE}),
            context=self._context(),
            old=self._row(
                "CASE WHEN change.operation = 'DELETE' THEN event.{0} ELSE before.{0} END"
            ),
            new=self._row("CASE WHEN change.operation <> 'DELETE' THEN event.{0} END"),
        )

    def _of(self, operations: set[str]) -> sql.Composable:
        labels = [label for label, found in self.operations.items() if found == operations]
        return sql.SQL("{}::pg_catalog.text[]").format(sql.Literal(labels))

    def _columns(self) -> dict[str, tuple[Any, Any]]:
        """The field of the model and that of the event model, by name."""
        held = {field.name: field for field in diffs.tracked_columns(self.event_model)}
        return {
            field.name: (field, held[field.name])
            for field in columns_of(self.model)
            if field.name in held
        }

    def _row(self, value: LiteralString) -> sql.Composable:
        template = sql.SQL(value)
        return sql.SQL(", ").join(
            sql.SQL("{} AS {}").format(
                template.format(column_identifier(held)), column_identifier(field)
            )
            for field, held in self._columns().values()
        )

    def _context(self) -> sql.Composable:
        fields = {field.name: field for field in self.event_model._meta.local_fields}
        context = fields.get("pgh_context")
        if context is None:
            return sql.SQL("NULL")
        if not context.is_relation:
            return sql.SQL("event.{}").format(column_identifier(context))
        return sql.SQL("(SELECT metadata FROM {} AS context WHERE context.id = event.{})").format(
            naming.table_identifier(context.related_model._meta.db_table),
            column_identifier(context),
        )


def of_model(model: type[Model], database: str) -> RecordedChanges | None:
    """Return the recorded changes of a model, None if it is not tracked.

    Raises:
        LookupError: No event model records each update and which object it changed.
    """
    tracked = list(dict.fromkeys(getattr(model, "pgh_event_models", {}).values()))
    for event_model in tracked:
        operations = _operations_by_label(event_model)
        if diffs.obj_columns(event_model) and any(UPDATE in each for each in operations.values()):
            return RecordedChanges(model, event_model, operations)
    if tracked:
        names = ", ".join(each._meta.label for each in tracked)
        raise LookupError(
            f"{names}: the events do not say what each update made of which object. Track with "
            "pghistory.InsertEvent(), pghistory.UpdateEvent() and pghistory.DeleteEvent()."
        )
    return None


def _operations_by_label(event_model: Any) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for tracker in event_model.pgh_trackers:
        names = found.setdefault(str(tracker.label), set())
        for event in tracker.row_events():
            for operation in event.operations:
                expected = OLD if operation.name == DELETE else NEW
                names.add(operation.name if event.row == expected else "another row")
    return {label: frozenset(names) for label, names in found.items() if names in _TELLING}


_SOURCE = sql.SQL(
    """\
(SELECT * FROM {events} WHERE pgh_label = ANY ({labels}) AND {since}) AS event
LEFT JOIN LATERAL (
    SELECT * FROM {events} AS other
    WHERE {same_object} AND other.pgh_id < event.pgh_id AND other.pgh_label = ANY ({labels})
    ORDER BY other.pgh_id DESC LIMIT 1
) AS before ON true
CROSS JOIN LATERAL (
    SELECT event.pgh_id AS number, event.pgh_created_at AS made_at,
        ({context})::pg_catalog.json AS context,
        CASE
            WHEN event.pgh_label = ANY ({deletes}) THEN 'DELETE'
            WHEN event.pgh_label = ANY ({inserts}) THEN 'INSERT'
            WHEN before.pgh_id IS NOT NULL AND before.pgh_label <> ALL ({deletes}) THEN 'UPDATE'
            WHEN event.pgh_label <> ALL ({updates}) THEN 'INSERT'
        END AS operation
) AS change
CROSS JOIN LATERAL (SELECT {old}) AS OLD
CROSS JOIN LATERAL (SELECT {new}) AS NEW"""
)
