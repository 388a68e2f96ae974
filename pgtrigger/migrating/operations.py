"""The migration operations on triggers.

https://docs.djangoproject.com/en/stable/ref/migration-operations/#writing-your-own
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import CreateModel, DeleteModel

from pgtrigger import compiler
from pgtrigger.database import catalog, installation
from pgtrigger.sql import function_body

if TYPE_CHECKING:
    from django.db.migrations.autodetector import OperationDependency
    from django.db.migrations.state import ProjectState

    from pgtrigger.triggers.declaration import Declaration

# Migration files name the operations by the module they are documented in.
DOCUMENTED_MODULE = "pgtrigger.migrations"


class TriggerOperation(Operation):
    """An operation on one trigger of one model.

    The compiled triggers of a model are in its state's options, under ``triggers``. Nothing in a
    rendered model depends on them, so no model is rendered again.
    """

    model_name: str
    name: str
    _auto_deps: list[OperationDependency]

    @property
    def model_name_lower(self) -> str:
        return self.model_name.lower()

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() == self.model_name_lower

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        if isinstance(operation, TriggerOperation) and operation.is_about(self):
            return False
        return (
            super().reduce(operation, app_label)
            or isinstance(operation, TriggerOperation)
            or self._is_on_another_model(operation)
            or not operation.references_model(self.model_name, app_label)
        )

    def _is_on_another_model(self, operation: Operation) -> bool:
        """Return whether it is about another model, which may refer to this one."""
        if isinstance(operation, CreateModel | DeleteModel):
            return operation.name_lower != self.model_name_lower
        if isinstance(operation, FieldOperation):
            return operation.model_name_lower != self.model_name_lower
        return False

    def is_about(self, other: TriggerOperation) -> bool:
        return (self.model_name_lower, self.name) == (other.model_name_lower, other.name)

    def _trigger_in(self, app_label: str, state: ProjectState) -> compiler.Trigger | None:
        triggers = state.models[app_label, self.model_name_lower].options.get("triggers", [])
        return next((trigger for trigger in triggers if trigger.name == self.name), None)

    def _replace(
        self, app_label: str, state: ProjectState, trigger: compiler.Trigger | None
    ) -> None:
        options = state.models[app_label, self.model_name_lower].options
        others = [t for t in options.get("triggers", []) if t.name != self.name]
        options["triggers"] = [*others, trigger] if trigger else others

    def _change(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Replace the trigger of ``from_state`` by that of ``to_state``.

        A trigger goes to the model's current table. A compiled trigger may name another one: the
        table that the model had before a renaming, or will have after one.
        """
        model = to_state.apps.get_model(app_label, self.model_name)
        concrete = model._meta.concrete_model or model
        connection = schema_editor.connection
        is_allowed = router.allow_migrate_model(connection.alias, concrete)
        if connection.vendor != "postgresql" or concrete._meta.swapped or not is_allowed:
            return
        table = concrete._meta.db_table
        old = self._trigger_in(app_label, from_state)
        new = self._trigger_in(app_label, to_state)
        obsolete = old if old and not (new and new.pgid == old.pgid) else None
        if schema_editor.collect_sql:
            _print(obsolete, new, table, schema_editor)
        elif concrete._meta.managed or catalog.tables(connection, [table]):
            _exchange(obsolete, new, table, schema_editor)

    database_forwards = _change
    database_backwards = _change


class AddTrigger(TriggerOperation):
    """Installs a trigger, in the place of the model's trigger of the same name if it has one.

    ``replaces`` says that it has, for ``squashmigrations``.

    ``trigger`` is a compiled trigger or, in migrations of django-pgtrigger 4.0 to 4.4, a
    declaration. The state contains it compiled for the model as it is at this point, so such an
    operation cannot move past one that changes a model.
    """

    __module__ = DOCUMENTED_MODULE

    def __init__(
        self, model_name: str, trigger: compiler.Trigger | Declaration, replaces: bool = False
    ):
        self.model_name = model_name
        self.trigger = trigger
        self.replaces = replaces

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.trigger.name)

    @property
    def category(self) -> OperationCategory:  # type: ignore[override]
        return OperationCategory.ALTERATION if self.replaces else OperationCategory.ADDITION

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        self._replace(app_label, state, self._compiled(app_label, state))

    def _compiled(self, app_label: str, state: ProjectState) -> compiler.Trigger:
        if isinstance(self.trigger, compiler.Trigger):
            return self.trigger
        return self.trigger.compile(state.apps.get_model(app_label, self.model_name))

    @property
    def is_compiled(self) -> bool:
        """Return whether the trigger is SQL already, which fits wherever its columns exist."""
        return isinstance(self.trigger, compiler.Trigger)

    def references_model(self, name: str, app_label: str) -> bool:
        return not self.is_compiled or super().references_model(name, app_label)

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        if not self.is_compiled and not isinstance(operation, TriggerOperation):
            return Operation.reduce(self, operation, app_label)
        return super().reduce(operation, app_label)

    def on(self, model_name: str, *, replaces: bool) -> AddTrigger:
        """Return the same for a model of this name."""
        if (self.model_name, self.replaces) == (model_name, replaces):
            return self
        return AddTrigger(model_name, self.trigger, **({"replaces": True} if replaces else {}))

    def describe(self) -> str:
        verb = "Replace" if self.replaces else "Create"
        return f"{verb} trigger {self.name} on model {self.model_name}"

    @property
    def migration_name_fragment(self) -> str:
        fragment = f"{self.model_name_lower}_{self.name.lower()}"
        return f"alter_{fragment}" if self.replaces else fragment


class RemoveTrigger(TriggerOperation):
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


class TriggerOperations(Operation):
    """Several operations on triggers in a row, run as one. No migration file contains it."""

    def __init__(self, operations: list[TriggerOperation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def _change(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """Change each trigger once, from its definition in the first state to the last."""
        by_trigger = {(each.model_name_lower, each.name): each for each in self.operations}
        for operation in by_trigger.values():
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    database_forwards = _change
    database_backwards = _change

    def describe(self) -> str:
        return "; ".join(operation.describe() for operation in self.operations)


def _print(
    obsolete: compiler.Trigger | None, new: compiler.Trigger | None, table: str, schema_editor: Any
) -> None:
    """Collect the SQL for ``sqlmigrate``; without parameters, a ``%`` is literal."""
    target = function_body.Target(table)
    if obsolete:
        drop = compiler.DropTriggerSql(obsolete.pgid, obsolete.table)
        schema_editor.execute(drop.render(target), params=None)
    if new:
        script = installation.script(new, schema_editor.connection, table)
        schema_editor.execute(script, params=None)


def _exchange(
    obsolete: compiler.Trigger | None, new: compiler.Trigger | None, table: str, schema_editor: Any
) -> None:
    """Drop the old trigger and install the new one.

    A trigger that somebody disabled stays so when the migration removes it, changes its table,
    and adds it again.
    """
    connection = schema_editor.connection
    states = vars(schema_editor).setdefault("states_of_removed_triggers", {})
    with transaction.atomic(using=connection.alias, savepoint=False):
        _lock(schema_editor)
        if obsolete:
            removed = installation.remove(obsolete, connection, table)
            if removed and removed.enabled_state != "O":
                oid = catalog.tables(connection, [table])[table].oid
                states[oid, obsolete.name] = removed.enabled_state
        if new:
            state = None
            if states:
                state = states.pop((catalog.tables(connection, [table])[table].oid, new.name), None)
            installation.put(new, connection, table=table, enabled_state=state)


def _lock(schema_editor: Any) -> None:
    """Take the lock once in an atomic migration, or once per operation in a non-atomic one."""
    if not vars(schema_editor).get("has_lock_on_triggers"):
        installation.lock(schema_editor.connection)
        schema_editor.has_lock_on_triggers = schema_editor.atomic_migration
