"""Triggers in migrations: the documented path of the operations and the two mixins."""

from pgtrigger.autodetection import MigrationAutodetectorMixin
from pgtrigger.operations import AddTrigger, RemoveTrigger
from pgtrigger.schema_editing import DatabaseSchemaEditorMixin

__all__ = [
    "AddTrigger",
    "DatabaseSchemaEditorMixin",
    "MigrationAutodetectorMixin",
    "RemoveTrigger",
]
