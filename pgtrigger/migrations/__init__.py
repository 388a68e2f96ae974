"""Triggers in migrations: the documented path of the operations and the two mixins."""

from pgtrigger.migrating.autodetector import MigrationAutodetectorMixin
from pgtrigger.migrating.operations import AddTrigger, RemoveTrigger
from pgtrigger.migrating.schema_editor import DatabaseSchemaEditorMixin

__all__ = [
    "AddTrigger",
    "DatabaseSchemaEditorMixin",
    "MigrationAutodetectorMixin",
    "RemoveTrigger",
]
