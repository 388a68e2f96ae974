"""Django's schema editor on tables that have triggers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import transaction

from pgtrigger.database import catalog, installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgtrigger.database.catalog import InstalledTrigger


class DatabaseSchemaEditorMixin:
    """Sets triggers aside while a column that they name changes its type.

    PostgreSQL refuses "to alter type of a column used in a trigger definition". What it follows by
    itself is a renamed column or table; there the comment, which says how the definition is
    rendered, must follow too. What it leaves behind, when a table goes, are functions.

    https://www.postgresql.org/docs/current/sql-altertable.html
    """

    connection: Any
    collect_sql: bool
    _set_aside: list[InstalledTrigger] | None = None

    def alter_field(self, model: Any, old_field: Any, new_field: Any, strict: bool = False) -> None:
        table = model._meta.db_table
        is_renamed = old_field.column != new_field.column
        with (
            self._remarked(table, table) if is_renamed else contextlib.nullcontext(),
            self._setting_aside(),
        ):
            super().alter_field(model, old_field, new_field, strict)  # type: ignore[misc]

    def alter_db_table(self, model: Any, old_db_table: str, new_db_table: str) -> None:
        with self._remarked(old_db_table, new_db_table):
            super().alter_db_table(model, old_db_table, new_db_table)  # type: ignore[misc]

    def remove_field(self, model: Any, field: Any) -> None:
        """Drops the triggers whose definition names the column, as CASCADE would, and functions."""
        if field.column and not self.collect_sql:
            with self.connection.cursor() as cursor:
                for trigger in catalog.depending_on_column(
                    self.connection, model._meta.db_table, field.column
                ):
                    installation.drop(trigger, cursor)
        super().remove_field(model, field)  # type: ignore[misc]

    def delete_model(self, model: Any) -> None:
        """Drops the table, and the functions of the triggers that go with it."""
        found = [] if self.collect_sql else catalog.on_table(self.connection, model._meta.db_table)
        super().delete_model(model)  # type: ignore[misc]
        with self.connection.cursor() as cursor:
            for trigger in found:
                installation.drop_function(trigger, cursor)

    def _alter_column_type_sql(self, model: Any, old_field: Any, new_field: Any, *args: Any) -> Any:
        """Django asks for this once for each column it is about to alter.

        Those of other tables that refer to the column are among them, and a column that is renamed
        as well has its new name by now.
        """
        if self._set_aside is not None and not self.collect_sql:
            with self.connection.cursor() as cursor:
                for trigger in catalog.depending_on_column(
                    self.connection, model._meta.db_table, new_field.column
                ):
                    installation.drop_trigger(trigger, cursor)
                    self._set_aside.append(trigger)
        return super()._alter_column_type_sql(  # type: ignore[misc]
            model, old_field, new_field, *args
        )

    @contextlib.contextmanager
    def _setting_aside(self) -> Iterator[None]:
        """Put back what was set aside, in one transaction with the change, in case that fails.

        Django alters the columns of an automatic many-to-many table while it alters the field, so
        that this is called within itself. Each call puts back its own triggers: the columns that
        their definitions name have their types by then.
        """
        outer, self._set_aside = self._set_aside, []
        try:
            with transaction.atomic(self.connection.alias, savepoint=False):
                yield
                for trigger in self._set_aside:
                    installation.put_back(trigger, self.connection)
        finally:
            self._set_aside = outer

    @contextlib.contextmanager
    def _remarked(self, old_table: str, new_table: str) -> Iterator[None]:
        if self.collect_sql or old_table == '""':
            yield
            return
        found = catalog.on_table(self.connection, old_table)
        yield
        for trigger in found:
            installation.remark(trigger, new_table, self.connection)
