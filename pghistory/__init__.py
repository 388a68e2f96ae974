"""History of Django models: every change as an event that the database writes itself."""

from pghistory.constants import DEFAULT, New, Old
from pghistory.core import (
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
    create_event,
    create_event_model,
    get_event_model,
    track,
)
from pghistory.fields import (
    ContextForeignKey,
    ContextJSONField,
    ContextUUIDField,
    Field,
    ForeignKey,
    ObjForeignKey,
    RelatedField,
)
from pghistory.metadata import MetadataError
from pghistory.queries import ProxyField
from pghistory.runtime import context
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
