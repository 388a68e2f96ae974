"""Proxies of automatic many-to-many tables in migrations.

Django makes the model of such a table while it renders the model with the field, and names it after
both: ``item_tags``. So a proxy of it depends on that field, and it has another base when the model
or the field is renamed. Django's own migrations take neither into account.

https://docs.djangoproject.com/en/stable/ref/models/fields/#django.db.models.ManyToManyField.through
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.migrations.autodetector import OperationDependency
from django.db.migrations.operations import (
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.utils import resolve_relation
from django.db.models import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ModelState, ProjectState


def field_dependencies(model: Any) -> Iterator[OperationDependency]:
    """Yield the many-to-many field that makes the model, if the model is an automatic one."""
    owner = model._meta.auto_created
    if isinstance(owner, type) and issubclass(owner, Model):
        for field in owner._meta.local_many_to_many:
            if field.remote_field.through is model:
                yield OperationDependency(
                    owner._meta.app_label,
                    str(owner._meta.model_name),
                    field.name,
                    OperationDependency.Type.CREATE,
                )


def add_dependencies(
    operations: Iterable[Operation], app_label: str, before: ProjectState, after: ProjectState
) -> None:
    """Let proxies be created after their field, and before it is renamed; and deleted before it.

    Args:
        operations: What the autodetector found for one app.
        app_label: The app.
        before: The models of the migrations.
        after: The models that are declared.
    """
    gone = [model for key, model in before.models.items() if key not in after.models]
    for operation in operations:
        found: list[OperationDependency] = vars(operation).setdefault("_auto_deps", [])
        if isinstance(operation, CreateModel) and operation.options.get("proxy"):
            for base in operation.bases or ():
                model = apps.get_model(base) if isinstance(base, str) else base
                if hasattr(model, "_meta"):
                    found.extend(field_dependencies(model))
        elif isinstance(operation, RenameField | RenameModel):
            found.extend(_created(each) for each in _proxies(operation, app_label, before))
        elif isinstance(operation, RemoveField | DeleteModel):
            proxies = [each for each in _proxies(operation, app_label, before) if each in gone]
            found.extend(map(_deleted, proxies))
        if isinstance(operation, DeleteModel):
            found.extend(map(_deleted, _referring(operation, app_label, before, gone)))


def _created(model: ModelState) -> OperationDependency:
    kind = OperationDependency.Type.CREATE
    return OperationDependency(model.app_label, model.name_lower, None, kind)


def _deleted(model: ModelState) -> OperationDependency:
    kind = OperationDependency.Type.REMOVE
    return OperationDependency(model.app_label, model.name_lower, None, kind)


def _proxies(operation: Any, app_label: str, state: ProjectState) -> list[ModelState]:
    """Return the proxies of the automatic models that the operation renames or removes."""
    if isinstance(operation, FieldOperation):
        name = f"{app_label}.{_automatic_name(operation)}"
        return [each for each in state.models.values() if name in _bases(each)]
    beginning = f"{app_label}.{operation.name_lower}_"
    return [
        each
        for each in state.models.values()
        if any(base.startswith(beginning) for base in _bases(each))
    ]


def _referring(
    operation: DeleteModel, app_label: str, before: ProjectState, gone: list[ModelState]
) -> list[ModelState]:
    """Return what is deleted too and refers to the deleted proxy: Django deletes proxies first."""
    key = app_label, operation.name_lower
    if key not in before.models or not before.models[key].options.get("proxy"):
        return []
    return [
        model
        for model in gone
        for field in model.fields.values()
        if field.remote_field
        and resolve_relation(field.remote_field.model, model.app_label, model.name_lower) == key
    ]


def renamed_first(operations: Iterable[Operation], app_label: str) -> list[Operation]:
    """Return the operations with each RenameField before proxies that need the new name."""
    result: list[Operation] = []
    for operation in operations:
        place = len(result)
        if isinstance(operation, RenameField):
            name = f"{app_label}.{operation.model_name_lower}_{operation.new_name_lower}"
            uses = [position for position, each in enumerate(result) if _is_based_on(each, name)]
            place = min(uses, default=place)
        result.insert(place, operation)
    return result


def _is_based_on(operation: Operation, name: str) -> bool:
    return isinstance(operation, CreateModel) and name in _bases(operation)


def following(state_forwards: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``state_forwards`` of a renaming: the bases of proxies follow it.

    The models of the state are rendered again, because for a moment neither base exists.
    """

    @functools.wraps(state_forwards)
    def state_forwards_with_bases(operation: Any, app_label: str, state: ProjectState) -> None:
        new_names = _new_names(operation, app_label, state)
        proxies = [each for each in state.models.values() if new_names.keys() & {*_bases(each)}]
        if proxies:
            vars(state).pop("apps", None)
        state_forwards(operation, app_label, state)
        for model_state in proxies:
            model_state.bases = tuple(
                new_names.get(base.lower(), base) if isinstance(base, str) else base
                for base in model_state.bases
            )

    return state_forwards_with_bases


def _new_names(operation: Any, app_label: str, state: ProjectState) -> dict[str, str]:
    """Return the label of each automatic model that gets another, and its new label."""
    is_field = isinstance(operation, RenameField)
    old_model = operation.model_name_lower if is_field else operation.old_name_lower
    new_model = old_model if is_field else operation.new_name_lower
    return {
        f"{app_label}.{old_model}_{name.lower()}": f"{app_label}.{new_model}_"
        + (operation.new_name_lower if is_field else name.lower())
        for name, field in state.models[app_label, old_model].fields.items()
        if field.many_to_many
        and not field.remote_field.through
        and (not is_field or name == operation.old_name)
    }


def referring(references_model: Callable[..., bool]) -> Callable[..., bool]:
    """Wrap ``CreateModel.references_model``: a proxy refers to the model with the field."""

    @functools.wraps(references_model)
    def references_owner(operation: Any, name: str, app_label: str) -> bool:
        beginning = f"{app_label}.{name.lower()}_"
        return references_model(operation, name, app_label) or any(
            base.startswith(beginning) for base in _bases(operation)
        )

    return references_owner


def depends_on_field(operation: Any, other: Operation, app_label: str) -> bool:
    """Return whether one creates a proxy, and the other changes the field that makes its base."""
    return isinstance(other, FieldOperation) and _is_based_on(
        operation, f"{app_label}.{_automatic_name(other)}"
    )


def _automatic_name(operation: Any) -> str:
    field = operation.old_name if isinstance(operation, RenameField) else operation.name
    return f"{operation.model_name_lower}_{field.lower()}"


def _bases(model: ModelState | CreateModel) -> list[str]:
    return [base.lower() for base in model.bases or () if isinstance(base, str)]
