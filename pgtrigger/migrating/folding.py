"""Fold the parts of a new model into its CreateModel, in one pass.

Django writes foreign keys and indexes of a new model as operations of their own, and its optimizer
folds them into CreateModel. The optimizer starts again from the beginning after each of them, so
its time grows with the cube of the number of models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.migrations.operations import AddField, AddIndex, CreateModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.migrations.operations.base import Operation


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
