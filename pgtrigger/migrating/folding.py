"""Put the operations on new and deleted models in an order that is fast and reversible.

Django writes the foreign keys and indexes of a new model as separate operations, and its optimizer
folds them into CreateModel. The optimizer starts from the beginning after each of them, so its time
grows with the cube of the number of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations.operations import (
    AddField,
    AddIndex,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameModel,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.migrations.operations.base import Operation
    from django.db.migrations.state import ProjectState


def folded(operations: Iterable[Operation], app_label: str) -> list[Operation]:
    """Return the operations with the fields and indexes of new models in their CreateModel.

    A CreateModel moves to the place of its last part. It stays as it is if another operation in
    between refers to the model.

    Args:
        operations: The operations of one migration, in order.
        app_label: The app of the migration.
    """
    ordered = list(operations)
    result: dict[int, Operation] = dict(enumerate(ordered))
    for name, (start, *parts) in _positions(ordered).items():
        between = {*range(start + 1, max(parts, default=start))} - {*parts}
        if any(_refers(ordered[position], name, app_label) for position in between):
            continue
        model = ordered[start]
        for position in parts:
            reduced = model.reduce(ordered[position], app_label)
            if not isinstance(reduced, list) or len(reduced) != 1:
                break
            [model] = reduced
        else:
            for position in (start, *parts):
                del result[position]
            result[max(parts, default=start)] = model
    return [result[position] for position in sorted(result)]


def reversible(
    operations: Iterable[Operation], app_label: str, before: ProjectState
) -> list[Operation]:
    """Return the operations, with an index removed before its field if the model is deleted too.

    Django removes foreign keys of a model before it deletes the model, unless its optimizer folds
    the two. Going backwards, Django creates the model with its indexes before the field, and fails.

    Args:
        operations: The operations of one migration, in order.
        app_label: The app of the migration.
        before: The state before the migration.
    """
    ordered = list(operations)
    deleted = {each.name_lower for each in ordered if isinstance(each, DeleteModel)}
    result: list[Operation] = []
    removed = set()
    for operation in ordered:
        model = getattr(operation, "model_name_lower", "")
        state = before.models.get((app_label, model))
        if isinstance(operation, RemoveField) and model in deleted and state:
            for remove, option in ((RemoveIndex, "indexes"), (RemoveConstraint, "constraints")):
                for part in state.options.get(option, ()):
                    key = (model, part.name)
                    if operation.name in getattr(part, "fields", ()) and key not in removed:
                        removed.add(key)
                        result.append(remove(operation.model_name, part.name))
        result.append(operation)
    return result


def renamed_first(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations with each RenameModel before those that use the new name.

    Django puts a renaming after new models that refer to the model, such as a new event model, but
    does not put new indexes after the renaming.
    """
    result: list[Operation] = []
    for operation in operations:
        place = len(result)
        if isinstance(operation, RenameModel):
            name = operation.new_name_lower
            uses = [position for position, each in enumerate(result) if _is_on(each, name)]
            place = min(uses, default=place)
        result.insert(place, operation)
    return result


def _is_on(operation: Operation, name: str) -> bool:
    names = {getattr(operation, each, None) for each in ("name_lower", "model_name_lower")}
    return name in names and not isinstance(operation, CreateModel)


def _refers(operation: Operation, name: str, app_label: str) -> bool:
    """Return whether the operation refers to the model; Django answers True for any AddIndex."""
    if isinstance(operation, AddIndex):
        return operation.model_name_lower == name
    return operation.references_model(name, app_label)


def _positions(operations: list[Operation]) -> dict[str, list[int]]:
    """Return where each model is created, followed by the places of its parts."""
    positions: dict[str, list[int]] = {}
    for position, operation in enumerate(operations):
        if isinstance(operation, CreateModel):
            positions[operation.name_lower] = [position]
        elif isinstance(operation, AddField | AddIndex) and operation.model_name_lower in positions:
            positions[operation.model_name_lower].append(position)
    return positions
