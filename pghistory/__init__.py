"""History of Django models: every change as an event that the database writes itself."""

from pghistory.changes.change_set import ChangeSet
from pghistory.changes.undoing import CannotUndo
from pghistory.keeping.erasure import Receipt, erase
from pghistory.keeping.ownership import NotOwner
from pghistory.past.querysets import as_of
from pghistory.past.state import PastError
from pghistory.reading.history import diff
from pghistory.reading.proxy_field import ProxyField
from pghistory.reading.revert import CannotRevert
from pghistory.tracking.event_models import create_event_model, get_event_model
from pghistory.tracking.track import track
from pghistory.vocabulary.constants import DEFAULT, New, Old
from pghistory.vocabulary.field_options import (
    ContextForeignKey,
    ContextJSONField,
    ContextUUIDField,
    Field,
    ForeignKey,
    ObjForeignKey,
    RelatedField,
)
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
from pghistory.writing.context import context, create_event
from pghistory.writing.metadata import MetadataError
from pgtrigger import (
    After,
    AllChange,
    AllDontChange,
    AnyChange,
    AnyDontChange,
    Before,
    Condition,
    Delete,
    F,
    Insert,
    Level,
    Operation,
    Operations,
    Q,
    Row,
    Statement,
    Truncate,
    Update,
    UpdateOf,
)

__version__ = "3.9.0"

__all__ = [
    "DEFAULT",
    "After",
    "AfterDelete",
    "AfterInsert",
    "AfterInsertOrUpdate",
    "AfterUpdate",
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "Before",
    "BeforeDelete",
    "BeforeUpdate",
    "CannotRevert",
    "CannotUndo",
    "ChangeSet",
    "Changed",
    "Condition",
    "ContextForeignKey",
    "ContextJSONField",
    "ContextUUIDField",
    "Delete",
    "DeleteEvent",
    "Event",
    "F",
    "Field",
    "ForeignKey",
    "Insert",
    "InsertEvent",
    "Level",
    "ManualEvent",
    "MetadataError",
    "New",
    "NotOwner",
    "ObjForeignKey",
    "Old",
    "Operation",
    "Operations",
    "PastError",
    "ProxyField",
    "Q",
    "Receipt",
    "RelatedField",
    "Row",
    "RowEvent",
    "Snapshot",
    "Statement",
    "Tracker",
    "Truncate",
    "Update",
    "UpdateEvent",
    "UpdateOf",
    "__version__",
    "as_of",
    "context",
    "create_event",
    "create_event_model",
    "diff",
    "erase",
    "get_event_model",
    "track",
]
