"""Django's schema editor on tables that have triggers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, transaction
from django.db.migrations.state import StateApps

from pgtrigger.database import catalog, installation
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgtrigger.database.catalog import InstalledTrigger


class DatabaseSchemaEditorMixin:
    """Install the triggers of new tables, and keep those of tables that are altered.

    PostgreSQL does not alter the type of "a column used in a trigger definition", so such triggers
    are dropped first and created again afterwards. It follows a renamed column or table by itself,
    but not in the comment that says how the definition is rendered. When a table is dropped it
    leaves the functions of its triggers behind.

    https://www.postgresql.org/docs/current/sql-altertable.html
    """

    connection: Any
    collect_sql: bool
    # Whether new tables get the triggers that their models declare.
    installs_triggers = True
    _set_aside: list[tuple[InstalledTrigger, bool]] | None = None

    def __enter__(self) -> Any:
        self._created: dict[str, Any] = {}
        return super().__enter__()  # type: ignore[misc]

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        try:
            if exc_type is None:
                self._install_triggers_of_created()
        except BaseException as error:
            super().__exit__(type(error), error, error.__traceback__)  # type: ignore[misc]
            raise
        super().__exit__(exc_type, exc_value, traceback)  # type: ignore[misc]

    def create_model(self, model: Any) -> None:
        """Create the table; the triggers of the model and its proxies follow at the block's end.

        A model of a migration's state gets no triggers here: each has an operation, and ``migrate``
        ends by installing those on tables that no migration creates.
        """
        super().create_model(model)  # type: ignore[misc]
        if self.installs_triggers and not isinstance(model._meta.apps, StateApps):
            self._created[model._meta.db_table] = model

    def _install_triggers_of_created(self) -> None:
        """Install them once all tables are there, because functions qualify what they name.

        Nobody else knows the tables yet, so that this needs no lock.
        """
        for table, model in self._created.items():
            for trigger in registry.on_table_of(model):
                if self.collect_sql:
                    script = installation.script(trigger, self.connection, table)
                    self.execute(script, None)  # type: ignore[attr-defined]
                elif catalog.tables(self.connection, [table]):
                    installation.put(trigger, self.connection, table=table)

    def alter_field(self, model: Any, old_field: Any, new_field: Any, strict: bool = False) -> None:
        table = model._meta.db_table
        is_renamed = old_field.column != new_field.column
        if is_renamed:
            self._put_back()  # their definitions name the column as it is called now
        with (
            self._remarked(table, table) if is_renamed else contextlib.nullcontext(),
            self._setting_aside(),
        ):
            super().alter_field(model, old_field, new_field, strict)  # type: ignore[misc]

    def alter_db_table(self, model: Any, old_db_table: str, new_db_table: str) -> None:
        with self._remarked(old_db_table, new_db_table):
            super().alter_db_table(model, old_db_table, new_db_table)  # type: ignore[misc]
        if old_db_table in self._created:
            self._created[new_db_table] = self._created.pop(old_db_table)

    def rename_index(self, model: Any, old_index: Any, new_index: Any) -> None:
        """Rename an index. Create it first if the migration would create it only at its end."""
        name = self.quote_name(old_index.name)  # type: ignore[attr-defined]
        waiting: list[Any] = self.deferred_sql  # type: ignore[attr-defined]
        for statement in [each for each in waiting if name in str(each)]:
            waiting.remove(statement)
            self.execute(statement)  # type: ignore[attr-defined]
        super().rename_index(model, old_index, new_index)  # type: ignore[misc]

    def remove_field(self, model: Any, field: Any) -> None:
        """Drop the triggers whose definition names the column, as CASCADE does, with functions."""
        if field.column and not self.collect_sql:
            with self.connection.cursor() as cursor:
                for trigger in catalog.depending_on_column(
                    self.connection, model._meta.db_table, field.column
                ):
                    installation.drop(trigger, cursor)
        super().remove_field(model, field)  # type: ignore[misc]

    def delete_model(self, model: Any) -> None:
        """Drop the table, and the functions of its triggers."""
        found = [] if self.collect_sql else catalog.on_table(self.connection, model._meta.db_table)
        super().delete_model(model)  # type: ignore[misc]
        with self.connection.cursor() as cursor:
            for trigger in found:
                installation.drop_function(trigger, cursor)
        self._created.pop(model._meta.db_table, None)

    def _alter_column_type_sql(self, model: Any, old_field: Any, new_field: Any, *args: Any) -> Any:
        """Django asks for this once for each column it is about to alter.

        Those of other tables that refer to the column are among them, and a column that is renamed
        as well has its new name by now.
        """
        if self._set_aside is not None:
            table = model._meta.db_table
            with self.connection.cursor() as cursor:
                for trigger in catalog.on_table(self.connection, table):
                    if not self.collect_sql:
                        installation.forget_plans(trigger, cursor)
                for trigger in catalog.depending_on_column(
                    self.connection, table, new_field.column
                ):
                    for statement in installation.drop_trigger_sql(trigger, cursor):
                        self.execute(statement, None)  # type: ignore[attr-defined]
                    self._set_aside.append((trigger, bool(model._meta.auto_created)))
        return super()._alter_column_type_sql(  # type: ignore[misc]
            model, old_field, new_field, *args
        )

    @contextlib.contextmanager
    def _setting_aside(self) -> Iterator[None]:
        """Create the dropped triggers again, in the transaction of the change, which may fail.

        Django alters the columns of an automatic many-to-many table while it alters the field, so
        that this is called within itself. The outermost call creates the triggers again: one may
        compare two columns whose types change one after the other.
        """
        if self._set_aside is not None:
            yield
            return
        self._set_aside = []
        try:
            with transaction.atomic(self.connection.alias, savepoint=False):
                yield
                self._put_back()
        finally:
            self._set_aside = None

    def _put_back(self) -> None:
        """Create the dropped triggers again, as they were.

        A trigger of an automatic many-to-many table has no migration that could remove it before
        its definition no longer fits. It is left out then: ``migrate`` ends by installing what is
        declared.
        """
        if not self._set_aside:
            return
        found, self._set_aside = self._set_aside, []
        for trigger, is_on_automatic_table in found:
            if self.collect_sql:
                for statement in installation.put_back_sql(trigger):
                    self.execute(statement, None)  # type: ignore[attr-defined]
                continue
            if not is_on_automatic_table:
                installation.put_back(trigger, self.connection)
                continue
            try:
                with transaction.atomic(self.connection.alias):
                    installation.put_back(trigger, self.connection)
            except DatabaseError:
                with self.connection.cursor() as cursor:
                    installation.drop_function(trigger, cursor)

    @contextlib.contextmanager
    def _remarked(self, old_table: str, new_table: str) -> Iterator[None]:
        if self.collect_sql or old_table == '""':
            yield
            return
        found = catalog.on_table(self.connection, old_table)
        yield
        if found:
            self._put_back()
            kept = {trigger.pgid for trigger in catalog.on_table(self.connection, new_table)}
            for trigger in found:
                if trigger.pgid in kept:
                    installation.remark(trigger, new_table, self.connection)
