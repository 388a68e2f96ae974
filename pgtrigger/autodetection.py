"""Which trigger operations ``makemigrations`` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.migrations.autodetector import OperationDependency
from django.db.migrations.operations import AlterField, RemoveField, RenameField

from pgtrigger import conf, registry
from pgtrigger.operations import AddTrigger, RemoveTrigger

if TYPE_CHECKING:
    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ProjectState
    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger


class MigrationAutodetectorMixin:
    """Compares the triggers in the migrations' state with those that models declare.

    https://docs.djangoproject.com/en/stable/topics/migrations/
    """

    from_state: ProjectState
    to_state: ProjectState
    renamed_models: dict[tuple[str, str], str]
    generated_operations: dict[str, list[Operation]]

    def _sort_migrations(self) -> None:
        """Django calls this when it has generated its own operations."""
        if conf.migrations():
            self._generate_triggers()
        super()._sort_migrations()  # type: ignore[misc]

    def _generate_triggers(self) -> None:
        kept = set()
        for app_label, model_name in sorted(self.to_state.models):
            if app_label in self.from_state.real_apps:
                continue
            old_name = self.renamed_models.get((app_label, model_name), model_name).lower()
            kept.add((app_label, old_name))
            self._generate_triggers_of(app_label, old_name, model_name)
        for app_label, model_name in sorted(set(self.from_state.models) - kept):
            for trigger in self._migrated(app_label, model_name).values():
                self._remove(app_label, model_name, trigger.name)

    def _generate_triggers_of(self, app_label: str, old_name: str, model_name: str) -> None:
        migrated = self._migrated(app_label, old_name)
        model = _model(app_label, model_name)
        declared = {
            trigger.name: trigger.compile(model)
            for trigger in (registry.of_model(model) if model else [])
        }
        for name in sorted(set(migrated) - set(declared)):
            self._remove(app_label, old_name, name)
        for name, trigger in declared.items():
            if migrated.get(str(name)) == trigger:
                continue
            if name in migrated and self._alters_columns(app_label, model):
                self._remove(app_label, old_name, str(name))
            self._add(app_label, model, trigger)

    def _migrated(self, app_label: str, model_name: str) -> dict[str, CompiledTrigger]:
        state = self.from_state.models.get((app_label, model_name))
        return (
            {trigger.name: trigger for trigger in state.options.get("triggers", [])}
            if state
            else {}
        )

    def _alters_columns(self, app_label: str, model: Any) -> bool:
        """Whether, going either way, a column changes that the trigger as it was may name."""
        names = {model._meta.model_name, (model._meta.concrete_model or model)._meta.model_name}
        return any(
            isinstance(operation, AlterField | RemoveField | RenameField)
            and operation.model_name_lower in names
            for operation in self.generated_operations.get(app_label, [])
        )

    def _remove(self, app_label: str, model_name: str, name: str) -> None:
        state = self.from_state.models[app_label, model_name]
        self.add_operation(  # type: ignore[attr-defined]
            app_label, RemoveTrigger(model_name=state.name_lower, name=name), beginning=True
        )

    def _add(self, app_label: str, model: Any, trigger: CompiledTrigger) -> None:
        needed = [model._meta, *(parent._meta for parent in model._meta.get_parent_list())]
        needed += [found._meta for found in _models_of(trigger.sql.tables)]
        dependencies = [
            OperationDependency(
                options.app_label, options.model_name, None, OperationDependency.Type.CREATE
            )
            for options in needed
            if not options.auto_created
        ]
        self.add_operation(  # type: ignore[attr-defined]
            app_label,
            AddTrigger(model_name=model._meta.model_name, trigger=trigger),
            dependencies=dependencies,
        )


def _model(app_label: str, model_name: str) -> type[Model] | None:
    try:
        return apps.get_model(app_label, model_name)
    except LookupError:
        return None


def _models_of(tables: set[str]) -> list[type[Model]]:
    return [model for model in apps.get_models() if tables and model._meta.db_table in tables]
