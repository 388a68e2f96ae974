"""The trigger operations that ``makemigrations`` writes.

Note [Where triggers go]. Removals come first in the app. An addition follows the last operation on
any model that the trigger names, which the dependencies of an operation do not tell. Additions are
placed as early as possible, because Django copies the state of all models for each operation;
but an addition that waits for another app comes last, because no operation waits for a trigger.
A changed trigger is one addition, which replaces the old trigger. Only if the columns in its
definition change as well, it is removed first: going backwards, the old definition could not be
installed while the columns are still the new ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.migrations.autodetector import OperationDependency
from django.db.migrations.operations import (
    AlterField,
    AlterOrderWithRespectTo,
    RemoveField,
    RenameField,
)
from django.db.models import Field

from pgtrigger.conf import settings
from pgtrigger.migrating import through_proxies
from pgtrigger.migrating.folding import folded, renamed_first, reversible
from pgtrigger.migrating.operations import AddTrigger, RemoveTrigger
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ModelState, ProjectState
    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger

    Key = tuple[str, str]

# Options of a field that may change under a trigger whose definition names its column.
_HARMLESS = {
    *Field.non_db_attrs,
    *("null", "default", "db_default", "db_index", "unique", "max_length", "db_comment"),
} - {"db_column"}


# Functions that are given both states before they are compared, and may change the second one.
amendments: list[Callable[[ProjectState, ProjectState], None]] = []
# Functions whose text ``makemigrations`` prints at its end.
notices: list[Callable[[], str]] = []


class MigrationAutodetectorMixin:
    """Compares the triggers in the migrations' state with those that models declare.

    https://docs.djangoproject.com/en/stable/topics/migrations/
    """

    from_state: ProjectState
    to_state: ProjectState
    new_model_keys: set[Key]
    new_proxy_keys: set[Key]
    new_unmanaged_keys: set[Key]
    renamed_models: dict[Key, str]
    renamed_fields: dict[tuple[str, str, str], str]
    generated_operations: dict[str, list[Operation]]
    migrations: dict[str, list[Any]]

    def _detect_changes(self, *args: Any, **kwargs: Any) -> Any:
        for amend in amendments:
            amend(self.from_state, self.to_state)
        return super()._detect_changes(*args, **kwargs)  # type: ignore[misc]

    def _sort_migrations(self) -> None:
        """Django calls this when it has generated its operations, and orders them here."""
        for app_label, operations in self.generated_operations.items():
            through_proxies.add_dependencies(operations, app_label, self.from_state, self.to_state)
        super()._sort_migrations()  # type: ignore[misc]
        for app_label, operations in self.generated_operations.items():
            self.generated_operations[app_label] = through_proxies.renamed_first(
                renamed_first(operations), app_label
            )
        if settings.migrations:
            self._generate_triggers()

    def _optimize_migrations(self) -> None:
        for app_label, migrations in self.migrations.items():
            for migration in migrations:
                migration.operations = folded(migration.operations, app_label)
        super()._optimize_migrations()  # type: ignore[misc]
        for app_label, migrations in self.migrations.items():
            for migration in migrations:
                migration.operations = reversible(migration.operations, app_label, self.from_state)

    def _generate_triggers(self) -> None:
        """See Note [Where triggers go]."""
        self._positions = {
            app_label: _last_positions(operations)
            for app_label, operations in self.generated_operations.items()
        }
        self._by_table = {
            model._meta.db_table: model for model in apps.get_models() if not model._meta.proxy
        }
        self._additions: dict[str, list[tuple[float, Operation]]] = {}
        self._removals: dict[str, list[Operation]] = {}
        self._detect_triggers()
        for app_label in {*self._removals, *self._additions}:
            self._arrange(app_label)

    def _arrange(self, app_label: str) -> None:
        django = enumerate(self.generated_operations.get(app_label, []))
        positioned = [*django, *self._additions.get(app_label, [])]
        self.generated_operations[app_label] = [
            *self._removals.get(app_label, []),
            *(operation for _, operation in sorted(positioned, key=lambda pair: pair[0])),
        ]

    def _detect_triggers(self) -> None:
        declared: dict[Key, list[tuple[type[Model], CompiledTrigger]]] = {}
        for model, trigger in registry.registered():
            key = (model._meta.app_label, str(model._meta.model_name))
            declared.setdefault(key, []).append((model, trigger.compile(model)))
        kept = set()
        for key in sorted(self.new_model_keys | self.new_proxy_keys | self.new_unmanaged_keys):
            old_key = (key[0], self.renamed_models.get(key, key[1]))
            if not self._is_recreated(old_key, key):
                kept.add(old_key)
            self._update(old_key if old_key in kept else None, declared.get(key, []))
        for key in sorted(set(self.from_state.models) - kept):
            for name in sorted(self._migrated(key)):
                self._remove(key, name)

    def _update(
        self, old_key: Key | None, declared: list[tuple[type[Model], CompiledTrigger]]
    ) -> None:
        migrated = self._migrated(old_key) if old_key else {}
        for name in sorted(set(migrated) - {trigger.name for _, trigger in declared}):
            assert old_key
            self._remove(old_key, name)
        for model, trigger in declared:
            old = migrated.get(trigger.name)
            if old == trigger:
                continue
            goes_first = old and _definition(old) != _definition(trigger)
            if old_key and goes_first and self._changes_columns(model):
                self._remove(old_key, trigger.name)
                old = None
            self._add(model, trigger, replaces=old is not None)

    def _migrated(self, key: Key) -> dict[str, CompiledTrigger]:
        state = self.from_state.models.get(key)
        return (
            {trigger.name: trigger for trigger in state.options.get("triggers", ())}
            if state
            else {}
        )

    def _is_recreated(self, old_key: Key, key: Key) -> bool:
        """Return whether Django deletes and creates the model, because a proxy becomes a table."""
        old = self.from_state.models.get(old_key)
        return old is not None and _is_proxy(old) != _is_proxy(self.to_state.models[key])

    def _changes_columns(self, model: type[Model]) -> bool:
        """Return whether a column that a definition may name is renamed, retyped or removed."""
        options = (model._meta.concrete_model or model)._meta
        return any(
            isinstance(operation, RemoveField | RenameField | AlterOrderWithRespectTo)
            or (isinstance(operation, AlterField) and self._changes_type(options, operation))
            for operation in self.generated_operations.get(options.app_label, [])
            if _model_name(operation) == options.model_name
        )

    def _changes_type(self, options: Any, operation: AlterField) -> bool:
        app_label, model_name = options.app_label, options.model_name
        old_model_name = self.renamed_models.get((app_label, model_name), model_name)
        old_name = self.renamed_fields.get((app_label, model_name, operation.name), operation.name)
        old = self.from_state.models[app_label, old_model_name].get_field(old_name)
        return _column(old) != _column(operation.field)

    def _remove(self, key: Key, name: str) -> None:
        operation = RemoveTrigger(model_name=key[1], name=name)
        operation._auto_deps = []
        self._removals.setdefault(key[0], []).append(operation)

    def _add(self, model: type[Model], trigger: CompiledTrigger, *, replaces: bool) -> None:
        operation = AddTrigger(
            model_name=str(model._meta.model_name),
            trigger=trigger,
            **({"replaces": True} if replaces else {}),
        )
        parents = [*model._meta.get_parent_list(), model._meta.concrete_model or model]
        needed = {
            model,
            *parents,
            *(self._by_table[table] for table in trigger.sql.tables & {*self._by_table}),
        }
        operation._auto_deps = [
            OperationDependency(
                other._meta.app_label,
                str(other._meta.model_name),
                None,
                OperationDependency.Type.CREATE,
            )
            for other in needed
            if not other._meta.auto_created
        ]
        for other in needed:
            operation._auto_deps.extend(through_proxies.field_dependencies(other))
        positions = self._positions.get(model._meta.app_label, {})
        position = max(
            positions.get(str(other._meta.model_name), math.inf)
            if other._meta.app_label == model._meta.app_label
            else math.inf
            for other in needed
        )
        self._additions.setdefault(model._meta.app_label, []).append((position, operation))


def _last_positions(operations: list[Operation]) -> dict[str, float]:
    """Return the position of the last operation on each model (fields are included, harmlessly)."""
    return {
        name: position
        for position, operation in enumerate(operations)
        for attribute in ("model_name_lower", "name_lower", "new_name_lower")
        if (name := getattr(operation, attribute, None))
    }


def _is_proxy(state: ModelState) -> bool:
    return bool(state.options.get("proxy"))


def _model_name(operation: Operation) -> str | None:
    """The lower-case name of the model that an operation changes."""
    of_field: str | None = getattr(operation, "model_name_lower", None)
    return of_field or getattr(operation, "name_lower", None)


def _definition(trigger: CompiledTrigger) -> tuple[str, str]:
    """The clauses of CREATE TRIGGER that name columns."""
    return trigger.sql.operation, trigger.sql.condition


def _column(field: Any) -> object:
    """Return the attributes of a column that a trigger's definition depends on."""
    _, path, args, options = field.deconstruct()
    return path, args, {key: value for key, value in options.items() if key not in _HARMLESS}
