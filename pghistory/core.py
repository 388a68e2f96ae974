"""A documented path: trackers, ``track`` and ``create_event_model`` are importable from here."""

from pghistory.tracking.event_models import create_event_model, get_event_model
from pghistory.tracking.track import track
from pghistory.vocabulary.trackers import (
    AfterDelete,
    AfterInsert,
    AfterInsertOrUpdate,
    AfterUpdate,
    BeforeDelete,
    BeforeUpdate,
    Changed,
    DeleteEvent,
    Event,
    InsertEvent,
    ManualEvent,
    RowEvent,
    Snapshot,
    Tracker,
    UpdateEvent,
)
from pghistory.writing.context import create_event

__all__ = [
    "AfterDelete",
    "AfterInsert",
    "AfterInsertOrUpdate",
    "AfterUpdate",
    "BeforeDelete",
    "BeforeUpdate",
    "Changed",
    "DeleteEvent",
    "Event",
    "InsertEvent",
    "ManualEvent",
    "RowEvent",
    "Snapshot",
    "Tracker",
    "UpdateEvent",
    "create_event",
    "create_event_model",
    "get_event_model",
    "track",
]
