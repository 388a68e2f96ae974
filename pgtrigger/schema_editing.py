"""Django's schema editor on tables that have triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import catalog, installation

if TYPE_CHECKING:
    from pgtrigger.catalog import InstalledTrigger


class DatabaseSchemaEditorMixin:
    """Sets triggers aside while a column that they name changes its type.

    PostgreSQL refuses "to alter type of a column used in a trigger definition".
    https://www.postgresql.org/docs/current/sql-altertable.html
    """

    connection: Any
    collect_sql: bool

    def alter_field(self, model: Any, old_field: Any, new_field: Any, strict: bool = False) -> None:
        self._set_aside: list[InstalledTrigger] = []
        super().alter_field(model, old_field, new_field, strict)  # type: ignore[misc]
        for trigger in self._set_aside:
            installation.put_back(trigger, self.connection)
        self._set_aside = []

    def _alter_column_type_sql(self, model: Any, old_field: Any, *args: Any) -> Any:
        """Django asks for this once for each column it is about to alter."""
        if not self.collect_sql:
            with self.connection.cursor() as cursor:
                for trigger in catalog.depending_on_column(
                    self.connection, model._meta.db_table, old_field.column
                ):
                    installation.drop_trigger(trigger, cursor)
                    self._set_aside.append(trigger)
        return super()._alter_column_type_sql(model, old_field, *args)  # type: ignore[misc]

    def delete_model(self, model: Any) -> None:
        """Drops the table, and the functions of the triggers that go with it."""
        found: tuple[InstalledTrigger, ...] = ()
        if not self.collect_sql:
            found = catalog.read(self.connection, model._meta.db_table).triggers
        super().delete_model(model)  # type: ignore[misc]
        if found:
            gone = {(trigger.function_schema, trigger.function) for trigger in found}
            with self.connection.cursor() as cursor:
                orphaned = catalog.orphaned_functions(self.connection)
                installation.drop_functions([name for name in orphaned if name in gone], cursor)
