"""The migration operations on triggers.

https://docs.djangoproject.com/en/stable/ref/migration-operations/#writing-your-own
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.models import DeleteModel

from pgtrigger import compiler, installation
from pgtrigger.bodies import Target

if TYPE_CHECKING:
    from django.db.migrations.state import ModelState, ProjectState

# Migration files name the operations by the module they are documented in.
DOCUMENTED_MODULE = "pgtrigger.migrations"


class _TriggerOperation(Operation):
    """An operation on one trigger of one model.

    The compiled triggers of a model are in its state's options, under ``triggers``. Nothing in a
    rendered model depends on them, so no model is rendered anew.
    """

    model_name: str
    name: str

    @property
    def model_name_lower(self) -> str:
        return self.model_name.lower()

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() == self.model_name_lower

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        if isinstance(operation, _TriggerOperation) and operation.is_about(self):
            return self._followed_by(operation)
        if isinstance(operation, DeleteModel) and operation.name_lower == self.model_name_lower:
            return False
        return super().reduce(operation, app_label) or not operation.references_model(
            self.model_name, app_label
        )

    def is_about(self, other: _TriggerOperation) -> bool:
        return (self.model_name_lower, self.name) == (other.model_name_lower, other.name)

    def _followed_by(self, operation: Operation) -> list[Operation]:
        return [operation]

    def _model_state(self, app_label: str, state: ProjectState) -> ModelState:
        return state.models[app_label, self.model_name_lower]

    def _trigger_in(self, app_label: str, state: ProjectState) -> compiler.Trigger | None:
        triggers = self._model_state(app_label, state).options.get("triggers", [])
        return next((trigger for trigger in triggers if trigger.name == self.name), None)

    def _replace(
        self, app_label: str, state: ProjectState, trigger: compiler.Trigger | None
    ) -> None:
        options = self._model_state(app_label, state).options
        others = [t for t in options.get("triggers", []) if t.name != self.name]
        options["triggers"] = [*others, trigger] if trigger else others

    def _change(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Puts the trigger of ``to_state`` where that of ``from_state`` is.

        A model's triggers go where its table is: a compiled trigger may name the table it had
        before, or will have after, the model was renamed.
        """
        model = to_state.apps.get_model(app_label, self.model_name)
        connection = schema_editor.connection
        is_allowed = router.allow_migrate_model(connection.alias, model)
        if connection.vendor != "postgresql" or model._meta.swapped or not is_allowed:
            return
        table = model._meta.db_table
        old = self._trigger_in(app_label, from_state)
        new = self._trigger_in(app_label, to_state)
        obsolete = old if old and not (new and new.pgid == old.pgid) else None
        if schema_editor.collect_sql:
            target = Target(table)
            if obsolete:
                drop = compiler.DropTriggerSql(obsolete.pgid, obsolete.table)
                schema_editor.execute(drop.render(target))
            if new:
                schema_editor.execute(new.sql.install_sql(target))
            return
        if obsolete:
            installation.uninstall(obsolete, connection, table=table)
        if new:
            installation.install(new, connection, table=table)

    database_forwards = _change
    database_backwards = _change


class AddTrigger(_TriggerOperation):
    """Installs a trigger, in the place of the model's trigger of the same name if it has one."""

    __module__ = DOCUMENTED_MODULE
    category = OperationCategory.ADDITION

    def __init__(self, model_name: str, trigger: compiler.Trigger):
        self.model_name = model_name
        self.trigger = trigger

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.trigger.name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        self._replace(app_label, state, self.trigger)

    def _followed_by(self, operation: Operation) -> list[Operation]:
        return [] if isinstance(operation, RemoveTrigger) else [operation]

    def describe(self) -> str:
        return f"Create trigger {self.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"{self.model_name_lower}_{self.name.lower()}"


class RemoveTrigger(_TriggerOperation):
    """Drops a trigger and its function."""

    __module__ = DOCUMENTED_MODULE
    category = OperationCategory.REMOVAL

    def __init__(self, model_name: str, name: str):
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        self._replace(app_label, state, None)

    def describe(self) -> str:
        return f"Remove trigger {self.name} from model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        return f"remove_{self.model_name_lower}_{self.name.lower()}"
