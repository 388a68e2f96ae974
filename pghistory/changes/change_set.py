"""``ChangeSet``: the events of one transaction, or of one context.

Each event records its transaction: ``pgh_xact`` is its id, ``pgh_xact_at`` its start. Ids begin
again in a database that is restored from a dump, so both together identify a change set.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, router

from pghistory.changes import lacking_indexes, undoing
from pghistory.reading import absent_columns
from pghistory.tracking import event_models
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from datetime import datetime

    from django.db import models


@dataclass(frozen=True)
class ChangeSet:
    """The events of one transaction or one context, in all event tables of a database."""

    using: str
    xact: int | None = None
    xact_at: datetime | None = None
    context_id: uuid.UUID | None = None

    @classmethod
    def of(cls, event: Any, *, using: str | None = None) -> ChangeSet:
        """Return the change set of an event, of an event model or of ``Events``.

        Raises:
            ValueError: The event is from before transactions were recorded.
        """
        alias = using or event._state.db or DEFAULT_DB_ALIAS
        if getattr(event, "pgh_tracked_model", None) is None:
            event = apps.get_model(event.pgh_model)._base_manager.using(alias).get(pk=event.pgh_id)
        xact, xact_at = getattr(event, "pgh_xact", None), getattr(event, "pgh_xact_at", None)
        if xact is None or xact_at is None:
            raise ValueError(
                f"{event._meta.label} {event.pk} has no pgh_xact: it was written before the "
                "transactions of events were recorded."
            )
        return cls(alias, xact, xact_at)

    @classmethod
    def for_object(cls, obj: Any, *, using: str | None = None) -> list[ChangeSet]:
        """Return the change sets with events of the object, the newest first."""
        alias = using or obj._state.db or DEFAULT_DB_ALIAS
        own = inheritance.tables(type(obj))
        found: dict[ChangeSet, None] = {}
        for event_model in _with_columns(alias):
            tracked = inheritance.concrete(event_model.pgh_tracked_model)
            if tracked in own and undoing.has_obj(event_model):
                events = event_model._base_manager.using(alias).filter(pgh_obj=obj.pk)
                rows = events.exclude(pgh_xact=None).values_list("pgh_xact", "pgh_xact_at")
                found |= {cls(alias, *row): None for row in rows.distinct()}
        return sorted(found, key=lambda each: (each.xact_at, each.xact), reverse=True)

    @classmethod
    def for_context(
        cls, context_id: uuid.UUID | str, *, using: str = DEFAULT_DB_ALIAS
    ) -> ChangeSet:
        """Return the change set of a context, such as a request, in one or several transactions."""
        return cls(using, context_id=uuid.UUID(str(context_id)))

    def events(self) -> list[Any]:
        """Return the events in the order in which they were written."""
        found = [event for events in self.querysets() for event in events]
        return sorted(found, key=lambda event: (event.pgh_created_at, event.pgh_id))

    def querysets(self) -> list[models.QuerySet[Any]]:
        """Return the events of each event model as a queryset."""
        found = []
        for event_model in _with_columns(self.using):
            events = event_model._base_manager.using(self.using)
            if self.context_id is None:
                found.append(events.filter(pgh_xact=self.xact, pgh_xact_at=self.xact_at))
            elif _has_context_id(event_model):
                found.append(events.filter(pgh_context_id=self.context_id))
        return found

    def without_index(self) -> list[Any]:
        """Return the event models whose tables are large and would be read as a whole.

        ``manage.py pghistory upgrade`` builds the index of a table that is older than change sets.
        """
        column = "pgh_xact" if self.context_id is None else "pgh_context_id"
        return lacking_indexes.find([each.model for each in self.querysets()], column, self.using)

    @overload
    def undo(self, *, dry_run: Literal[False] = False) -> undoing.UndoPlan: ...

    @overload
    def undo(self, *, dry_run: Literal[True]) -> undoing.UndoPlan: ...

    def undo(self, *, dry_run: bool = False) -> undoing.UndoPlan:
        """Put each row back to what it was before, and return the plan that was carried out.

        Args:
            dry_run: Write nothing, and return the plan with its conflicts.

        Raises:
            CannotUndo: A row was changed since, or an event does not say what was before. Nothing
                is written then.
        """
        plan = undoing.plan(self.events(), self.using)
        return plan if dry_run else undoing.undo(self.events(), self.using)


def _with_columns(alias: str) -> list[Any]:
    """The event models whose tables record transactions."""
    found = [
        each
        for each in event_models.all_event_models()
        if router.allow_migrate_model(alias, each)
        and {"pgh_xact", "pgh_xact_at"} <= {field.name for field in each._meta.local_fields}
    ]
    connection = connections[alias]
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
    found = [each for each in found if each._meta.db_table in existing]
    absent = absent_columns.find(found, connection)
    return [
        each
        for each in found
        if not any(field.name in ("pgh_xact", "pgh_xact_at") for field in absent.get(each, ()))
    ]


def _has_context_id(event_model: Any) -> bool:
    return any(
        "pgh_context_id" in (field.name, field.attname) for field in event_model._meta.local_fields
    )
