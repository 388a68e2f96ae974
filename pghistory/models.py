"""The context of changes, the base of event models, and timelines over all of them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from django.conf import settings
from django.core import checks
from django.db import connections, models

from pghistory.reading import absent_columns, diffs, revert
from pghistory.reading.added_later import TextFieldAddedLater
from pghistory.reading.event_query import EventQuerySet
from pghistory.reading.proxy_field import ProxyField
from pghistory.reading.timelines import DerivedField, TimelineQuerySet
from pghistory.utils import JSONField
from pghistory.vocabulary.field_options import ClockTimestamp, EventTimeField, SessionUser
from pghistory.vocabulary.transaction_fields import (
    CurrentTransaction,
    TransactionIdField,
    TransactionStart,
    TransactionTimeField,
)

if TYPE_CHECKING:
    from datetime import timedelta

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AggregateEvent",
    "Context",
    "Event",
    "EventQuerySet",
    "Events",
    "Maintenance",
    "MiddlewareEvents",
]


class Context(models.Model):
    """The metadata that ``pghistory.context()`` gave to the changes inside it.

    The application chooses the ``metadata``; it cannot choose ``database_role``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    metadata = JSONField(default=dict)
    database_role = TextFieldAddedLater(null=True, editable=False, db_default=SessionUser())
    """The role that logged in to the database (session_user), which metadata cannot change.

    None for contexts that are older than this column.
    """


class Maintenance(models.Model):
    """A run that added, changed or removed events by itself, such as a backfill.

    ``complete_from`` is the earliest time that the events of the table can answer for since the
    run, None if the run did not change that. A run that was interrupted has no ``finished_at``.
    """

    action = models.TextField()
    event_table = models.TextField()
    started_at = models.DateTimeField(db_default=ClockTimestamp())
    finished_at = models.DateTimeField(null=True)
    complete_from = models.DateTimeField(null=True)
    details = JSONField(default=dict)

    class Meta:
        verbose_name_plural = "maintenance"
        indexes = [models.Index(fields=["event_table", "action"], name="pghistory_maintenance_of")]

    def __str__(self) -> str:
        return f"{self.action} {self.event_table}"


class Event(models.Model):
    """The base of event models, which ``create_event_model()`` gives its other fields.

    ``pgh_obj`` is the object it is about, which may be gone; ``pgh_context`` is the context of
    the change, if it had one. Events are ordered by ``pgh_id``. ``pgh_xact`` and ``pgh_xact_at``
    are the id and the start of the transaction, None for events from before they were recorded.
    """

    pgh_id = models.BigAutoField(primary_key=True)
    pgh_created_at = EventTimeField(db_default=ClockTimestamp(), editable=False)
    pgh_label = models.TextField()
    pgh_xact = TransactionIdField(null=True, db_default=CurrentTransaction(), editable=False)
    pgh_xact_at = TransactionTimeField(null=True, db_default=TransactionStart(), editable=False)

    pgh_tracked_model: ClassVar[Any] = None
    pgh_trackers: ClassVar[tuple[Any, ...]] = ()
    pgh_field_names: ClassVar[tuple[str, ...]] = ()
    pgh_masked_fields: ClassVar[tuple[str, ...]] = ()
    pgh_with: ClassVar[tuple[str, ...]] = ()
    pgh_append_only: ClassVar[bool | str] = False
    pgh_keep: ClassVar[timedelta | None] = None
    pgh_level: ClassVar[Any] = None

    objects = EventQuerySet.as_manager()

    class Meta:
        abstract = True

    def _do_insert(
        self, manager: Any, using: Any, fields: Any, returning_fields: Any, *args: Any
    ) -> Any:
        """Leave out columns that the database does not have yet."""
        model = type(self)._meta.concrete_model
        absent = absent_columns.find([model], connections[using]).get(model, ())
        present = [each for each in returning_fields if each not in absent]
        rows = super()._do_insert(  # type: ignore[misc]
            manager, using, [each for each in fields if each not in absent], present, *args
        )
        values = [dict(zip(present, row, strict=True)) for row in rows or ()]
        return [tuple(each.get(field) for field in returning_fields) for each in values]

    @property
    def can_revert(self) -> bool:
        """Return whether the event holds every field of the model."""
        return not revert.missing_fields(type(self))

    def plan(self, *, using: str | None = None) -> revert.Plan:
        """Return what ``revert()`` would do."""
        return revert.plan(self, using=using)

    @overload
    def revert(
        self,
        *,
        using: str | None = None,
        dry_run: Literal[False] = False,
        masked: Mapping[str, Any] | None = None,
    ) -> Any: ...

    @overload
    def revert(
        self,
        *,
        using: str | None = None,
        dry_run: Literal[True],
        masked: Mapping[str, Any] | None = None,
    ) -> revert.Plan: ...

    def revert(
        self,
        *,
        using: str | None = None,
        dry_run: bool = False,
        masked: Mapping[str, Any] | None = None,
    ) -> Any:
        """Give the row the values of the event, and return the object.

        A deleted row is inserted again. With ``dry_run=True`` nothing is written, and the Plan is
        returned. ``masked`` has the values of masked fields for a row that is inserted again.

        Raises:
            CannotRevert: (a RuntimeError) a field cannot be restored; it has the plan.
        """
        # A tracked field may be called plan.
        return (revert.plan if dry_run else revert.revert)(self, using=using, masked=masked)

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if not isinstance(cls._meta.pk, models.IntegerField):
            found.append(
                checks.Error(
                    f"The primary key of {cls._meta.label} is not an integer.",
                    hint="Events are ordered by pgh_id, and Events shows it as an integer.",
                    obj=cls,
                    id="pghistory.E002",
                )
            )
        return found

    @classmethod
    def pgh_tracked_fields(cls) -> tuple[str, ...]:
        """The names of the tracked model's fields that an event holds."""
        return cls.pgh_field_names


class _Timeline(models.Model):
    """Events of all event models.

    ``pgh_slug`` is the event's model and key (``app.ModelEvent:1``), ``pgh_obj_id`` the object's
    key as text; ``pgh_data`` is what the event holds, ``pgh_diff`` what changed, None for nothing.
    """

    pgh_slug = models.TextField(primary_key=True)
    pgh_model = models.TextField()
    pgh_id = models.BigIntegerField()
    pgh_created_at = models.DateTimeField()
    pgh_label = models.TextField()
    pgh_data = DerivedField(derive=diffs.data)
    pgh_diff = DerivedField(derive=diffs.diff, null=True)
    pgh_obj_model = models.TextField()
    pgh_obj_id = models.TextField(null=True)  # noqa: DJ001 - an event may be about no object

    # dumpdata leaves it out: its events are in their own tables.
    in_fixtures: ClassVar[bool] = False

    objects = TimelineQuerySet.as_manager()

    class Meta:
        abstract = True
        # Deferred fields are read with it, and the timeline has no table. See Note [Page first].
        base_manager_name = "objects"

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        """Return Django's errors; that about fields of a proxy model says what to write instead."""
        found = super().check(**kwargs)
        for message in found:
            if message.id == "models.E017":
                message.hint = (
                    "A timeline has no table to add a column to. A field that reads the context is "
                    'pghistory.ProxyField("pgh_context__user", models.IntegerField()).'
                )
        return found

    def _save_table(self, raw: bool = False, *args: Any, **kwargs: Any) -> bool:
        # A fixture of everything has the events in their own tables too: loaddata is all raw.
        return True if raw else TimelineQuerySet.reject(type(self))

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return TimelineQuerySet.reject(type(self))


class Events(_Timeline):
    """The events of all event models, each compared with its object's event before.

    ``pgh_context`` are the context's metadata.
    """

    pgh_context_id = models.UUIDField(null=True)
    pgh_context = DerivedField(derive=diffs.context, null=True)

    class Meta:
        managed = False
        verbose_name_plural = "events"


class MiddlewareEvents(Events):
    """``Events`` with what ``HistoryMiddleware`` says of each."""

    user = ProxyField(
        "pgh_context__user",
        models.ForeignKey(settings.AUTH_USER_MODEL, models.DO_NOTHING),
    )
    url = ProxyField("pgh_context__url", models.TextField())

    class Meta:
        proxy = True
        verbose_name_plural = "middleware events"


class AggregateEvent(_Timeline):
    """The events of all event models, each compared with the previous one of the same label."""

    pgh_table = models.TextField()
    pgh_diff = DerivedField(derive=diffs.label_diff, null=True)
    pgh_context = models.ForeignKey(
        Context, models.DO_NOTHING, null=True, db_constraint=False, related_name="+"
    )

    class Meta:
        managed = False
