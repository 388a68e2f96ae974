"""Let the optimizer of migrations repoint what refers to a model that is renamed, and its indexes.

Django's optimizer moves a RenameModel before a new model or field that refers to the model, and
leaves the reference as it was, so that a squashed migration refers to a model that is not there.
Each tracked model has an event model that refers to it.

https://docs.djangoproject.com/en/stable/topics/migrations/#squashing-migrations
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db.migrations.operations import (
    AddField,
    AlterField,
    CreateModel,
    RenameIndex,
    RenameModel,
)

from pgtrigger.migrating import through_proxies

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.migrations.operations.base import Operation

    Reduce = Callable[..., Any]

# The operations that can refer to another model.
REFERRING = (CreateModel, AddField, AlterField)


def following(reduce: Reduce) -> Reduce:
    """Wrap ``reduce`` of an operation: a RenameModel moves before it, and it uses the new name."""

    @functools.wraps(reduce)
    def reduce_following(self: Any, operation: Operation, app_label: str) -> Any:
        if isinstance(operation, RenameModel) and _is_of_another(self, operation):
            repointed = _repointed(self, operation, app_label)
            if repointed.deconstruct() != self.deconstruct():
                return [operation, repointed]
        if through_proxies.depends_on_field(self, operation, app_label):
            return False
        if isinstance(operation, RenameIndex) and _creates_index(self, operation):
            return [_with_renamed_index(self, operation)]
        return reduce(self, operation, app_label)

    return reduce_following


def _creates_index(operation: Any, renaming: RenameIndex) -> bool:
    return (
        isinstance(operation, CreateModel)
        and operation.name_lower == renaming.model_name_lower
        and renaming.old_name in [index.name for index in operation.options.get("indexes", ())]
    )


def _with_renamed_index(operation: CreateModel, renaming: RenameIndex) -> CreateModel:
    """An index of CreateModel is made at the end of a migration, too late to be renamed in it."""
    indexes = [index.clone() for index in operation.options["indexes"]]
    for index in indexes:
        index.name = renaming.new_name if index.name == renaming.old_name else index.name
    return CreateModel(
        operation.name,
        operation.fields,
        options={**operation.options, "indexes": indexes},
        bases=operation.bases,
        managers=operation.managers,
    )


def _is_of_another(operation: Any, renaming: RenameModel) -> bool:
    own = getattr(operation, "model_name_lower", None) or operation.name_lower
    return own not in (renaming.old_name_lower, renaming.new_name_lower)


def _repointed(operation: Any, renaming: RenameModel, app_label: str) -> Any:
    def target(reference: Any) -> Any:
        if not isinstance(reference, str) or hasattr(reference, "setting_name"):
            return reference
        label, _, name = reference.rpartition(".")
        is_renamed = (label or app_label, name.lower()) == (app_label, renaming.old_name_lower)
        return f"{app_label}.{renaming.new_name_lower}" if is_renamed else reference

    def field(old: Any) -> Any:
        if not old.remote_field:
            return old
        new = old.clone()
        for attribute in ("model", "through"):
            reference = getattr(new.remote_field, attribute, None)
            if target(reference) != reference:
                setattr(new.remote_field, attribute, target(reference))
        return new

    if isinstance(operation, CreateModel):
        return CreateModel(
            operation.name,
            [(name, field(old)) for name, old in operation.fields],
            options=operation.options,
            bases=tuple(target(base) for base in operation.bases or ()),
            managers=operation.managers,
        )
    return type(operation)(
        operation.model_name,
        operation.name,
        field(operation.field),
        preserve_default=operation.preserve_default,
    )
