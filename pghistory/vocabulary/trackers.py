"""The trackers: arguments of ``track()`` that declare which writes become events.

The module has the present names first, then those of earlier releases, which create the same
triggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgtrigger
from pghistory.vocabulary.constants import DEFAULT, Default
from pgtrigger.vocabulary.columns import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model


class Tracker:
    """A declaration of events with one label."""

    label: str | None = None

    def __init__(self, label: str | None = None):
        if label is not None:
            self.label = label
        if not isinstance(self.label, str) or not self.label:
            raise ValueError(
                f"{type(self).__name__} needs a label: found {self.label!r}, expected a string."
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label!r})"

    def row_events(self) -> Sequence[RowEvent]:
        """Return the events that triggers write."""
        return ()


class ManualEvent(Tracker):
    """An event that only ``create_event()`` makes."""


class RowEvent(Tracker):
    """An event for each row that an operation writes.

    ``operation``
        Insert, Update or Delete of pgtrigger, combined with ``|``.
    ``condition``
        The rows that have an event, or None for every row. The default is every inserted or deleted
        row, and each updated row in which a tracked field changed. ``AnyChange()``, ``AllChange()``
        and their opposites compare the tracked fields unless they name others; ``exclude`` and
        ``exclude_auto`` leave some of them out.
    ``row``
        The row that the event stores: ``pghistory.Old`` or ``pghistory.New``. The default is New,
        for a deletion Old.
    ``trigger_name``
        By default ``<label>_<operation>``.
    ``level``
        ``pgtrigger.Row`` or ``pgtrigger.Statement``: by default that of ``track()``.

    With Delete, TRUNCATE writes events too, except TRUNCATE of a single partition, which does not
    fire triggers of the partitioned table.
    """

    operation: pgtrigger.Operations | None = None
    condition: pgtrigger.Condition | Default | None = DEFAULT
    row: str | None = None
    trigger_name: str | None = None
    level: pgtrigger.Level | Default | None = DEFAULT

    def __init__(
        self,
        label: str | None = None,
        *,
        condition: pgtrigger.Condition | Default | None = DEFAULT,
        operation: pgtrigger.Operations | None = None,
        row: str | None = None,
        trigger_name: str | None = None,
        level: pgtrigger.Level | Default | None = DEFAULT,
    ):
        super().__init__(label)
        self.condition = self.condition if condition is DEFAULT else condition
        self.operation = operation or self.operation
        self.trigger_name = trigger_name or self.trigger_name
        self.level = self.level if level is DEFAULT else level
        self.row = _row(self, row or self.row)
        if self.row == OLD and pgtrigger.Insert in self.operations:
            raise ValueError(f"{self!r}: an INSERT has no old row. Use row=pghistory.New.")
        if self.row == NEW and pgtrigger.Delete in self.operations:
            raise ValueError(f"{self!r}: a DELETE has no new row. Use row=pghistory.Old.")

    @property
    def operations(self) -> list[pgtrigger.Operation]:
        """Return the operations one by one."""
        found = list(self.operation or ())
        if not found or pgtrigger.Truncate in found:
            raise ValueError(
                f"{self!r} needs an operation: found {self.operation!r}, expected "
                "pgtrigger.Insert, Update or Delete, combined with |. A Delete is also a TRUNCATE."
            )
        return found

    def row_events(self) -> Sequence[RowEvent]:
        return (self,)


class InsertEvent(RowEvent):
    """The row as it was inserted."""

    label = "insert"
    operation = pgtrigger.Insert


class UpdateEvent(RowEvent):
    """The row after an update that changed a tracked field."""

    label = "update"
    operation = pgtrigger.Update


class DeleteEvent(RowEvent):
    """The row as it was deleted, by DELETE or TRUNCATE."""

    label = "delete"
    operation = pgtrigger.Delete


class Event(ManualEvent):
    """The name of ``ManualEvent`` in earlier releases."""


class Snapshot(Tracker):
    """The row after each insert, and after each update that changed a tracked field."""

    def row_events(self) -> Sequence[RowEvent]:
        return (InsertEvent(self.label), UpdateEvent(self.label))


class DatabaseEvent(RowEvent):
    """An event for each row of an operation, unless there is a condition."""

    condition = None


class AfterInsert(DatabaseEvent):
    """The row as it was inserted."""

    operation = pgtrigger.Insert


class AfterUpdate(DatabaseEvent):
    """The row as an update left it."""

    operation = pgtrigger.Update


class BeforeUpdate(DatabaseEvent):
    """The row as it was before an update."""

    operation = pgtrigger.Update
    row = OLD


class AfterInsertOrUpdate(DatabaseEvent):
    """The row after an insert or an update."""

    operation = pgtrigger.Insert | pgtrigger.Update


class BeforeDelete(DatabaseEvent):
    """The row as it was deleted."""

    operation = pgtrigger.Delete


class AfterDelete(DatabaseEvent):
    """The row as it was deleted."""

    operation = pgtrigger.Delete


class Changed(pgtrigger.AnyChange):
    """A change of any field that the event model has."""

    def __init__(self, event_model: type[Model]):
        event: Any = event_model
        super().__init__(*event.pgh_tracked_fields(), *event.pgh_masked_fields)


def _row(event: RowEvent, row: Any) -> str:
    if row is None:
        return OLD if pgtrigger.Delete in event.operations else NEW
    if str(row).lower() not in (OLD, NEW):
        raise ValueError(f"{event!r}: found row={row!r}, expected pghistory.Old or pghistory.New.")
    return str(row).lower()
