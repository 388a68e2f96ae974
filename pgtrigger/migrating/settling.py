"""Move operations on triggers out of the way of Django's optimizer.

The optimizer folds two operations on a model if it can move one of them past all operations between
them, which most of Django's operations allow. Nothing needs the triggers of a table before
the last operation on it, unless code runs in between. So triggers are removed before all other
operations and added after the last one on their model, and a trigger that is replaced or removed
later is not added at all.

https://docs.djangoproject.com/en/stable/topics/migrations/#squashing-migrations
"""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.migrations.operations import (
    AlterField,
    AlterOrderWithRespectTo,
    CreateModel,
    DeleteModel,
    RemoveField,
    RenameField,
    RenameModel,
)
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import IndexOperation, ModelOperation

from pgtrigger.migrating.operations import AddTrigger, RemoveTrigger, TriggerOperation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.migrations.operations.base import Operation

    Optimize = Callable[..., list[Operation]]

# Operations that run no code of a project. Django does not fold past any other one. An operation of
# another package is among them if its attribute ``is_of_schema`` is true.
_OF_SCHEMA = (ModelOperation, FieldOperation, IndexOperation, TriggerOperation)
# Operations after which the definition of a trigger may not fit its table.
_OF_COLUMNS = (RemoveField, RenameField, AlterField, AlterOrderWithRespectTo)


def settling(optimize: Optimize) -> Optimize:
    """Wrap ``MigrationOptimizer.optimize``, which is given the operations of one migration."""

    @functools.wraps(optimize)
    def optimize_settled(self: Any, operations: Iterable[Operation], app_label: str) -> Any:
        return optimize(self, settled(operations), app_label)

    return optimize_settled


def settled(operations: Iterable[Operation]) -> list[Operation]:
    """Return the operations with those on triggers moved, joined or left out.

    Args:
        operations: The operations of one migration, in order.
    """
    result: list[Operation] = []
    for is_movable, part in itertools.groupby(operations, _is_movable):
        found = [*part]
        result += _Stretch(found).settled() if is_movable else found
    return result


def _is_movable(operation: Operation) -> bool:
    is_of_schema = isinstance(operation, _OF_SCHEMA) or getattr(operation, "is_of_schema", False)
    return is_of_schema or operation.elidable


class _Stretch:
    """Operations in a row that change only models and triggers."""

    def __init__(self, operations: list[Operation]) -> None:
        self.operations = operations
        self.models = _models(operations)
        self.places: dict[_Model, list[int]] = {}
        for position, model in enumerate(self.models):
            self.places.setdefault(model, []).append(position)

    def settled(self) -> list[Operation]:
        removed: list[Operation] = []
        result: list[list[Operation]] = [
            [] if isinstance(each, TriggerOperation) else [each] for each in self.operations
        ]
        for first, last in self._first_and_last():
            replaces = self._is_about_an_old_one(first)
            addition = self.operations[last]
            if isinstance(addition, AddTrigger):
                place, name = self._last_place(last, addition)
                is_in_one = replaces and not self._changes_columns(first, place)
                result[place].append(addition.on(name, replaces=is_in_one))
                replaces = replaces and not is_in_one
            if replaces:
                removed.append(self._removal(first))
        return [*removed, *itertools.chain.from_iterable(result)]

    def _first_and_last(self) -> list[tuple[int, int]]:
        """Return the places of the first and the last operation on each trigger."""
        found: dict[tuple[_Model, str], tuple[int, int]] = {}
        for position, operation in enumerate(self.operations):
            if isinstance(operation, TriggerOperation):
                key = self.models[position], operation.name
                first, _ = found.get(key, (position, position))
                found[key] = first, position
        return [*found.values()]

    def _is_about_an_old_one(self, first: int) -> bool:
        """Return whether the trigger was there before all of these operations."""
        operation = self.operations[first]
        is_new = isinstance(operation, AddTrigger) and not operation.replaces
        return not is_new and not self.models[first].is_created

    def _removal(self, first: int) -> RemoveTrigger:
        operation: Any = self.operations[first]
        name = self.models[first].first_name
        is_renamed = name != operation.model_name_lower
        if isinstance(operation, RemoveTrigger) and not is_renamed:
            return operation
        return RemoveTrigger(name if is_renamed else operation.model_name, operation.name)

    def _changes_columns(self, start: int, end: int) -> bool:
        return any(isinstance(each, _OF_COLUMNS) for each in self.operations[start : end + 1])

    def _last_place(self, position: int, addition: AddTrigger) -> tuple[int, str]:
        """Return after which operation the trigger can be added, and its model's name there."""
        name = addition.model_name
        if not addition.is_compiled:
            return position, name
        for later in self.places[self.models[position]]:
            operation = self.operations[later]
            if later < position or isinstance(operation, TriggerOperation):
                continue
            if isinstance(operation, DeleteModel) or _is_named(addition, operation):
                break
            if isinstance(operation, RenameModel):
                name = operation.new_name_lower
            position = later
        return position, name


@dataclass(frozen=True)
class _Model:
    """A model by its name before all operations, or by the place of the one that creates it."""

    first_name: str
    created_at: int | None = None

    @property
    def is_created(self) -> bool:
        return self.created_at is not None


def _models(operations: list[Operation]) -> list[_Model]:
    """Return which model each operation is on."""
    known: dict[str, _Model] = {}
    result = []
    for position, operation in enumerate(operations):
        name = _model_name(operation)
        if isinstance(operation, CreateModel):
            known[name] = _Model(name, position)
        model = known.get(name, _Model(name))
        result.append(model)
        if isinstance(operation, DeleteModel | RenameModel):
            known.pop(name, None)
        if isinstance(operation, RenameModel):
            known[operation.new_name_lower] = model
    return result


def _model_name(operation: Any) -> str:
    names = ("model_name_lower", "name_lower")
    found: list[str] = [getattr(operation, name) for name in names if hasattr(operation, name)]
    return next(iter(found), "")


def _is_named(addition: AddTrigger, operation: Operation) -> bool:
    """Return whether the trigger's SQL may name the field that the operation takes away."""
    if not isinstance(operation, RemoveField | RenameField):
        return False
    field = operation.old_name if isinstance(operation, RenameField) else operation.name
    return bool(re.search(rf"\b{re.escape(field)}(_id)?\b", repr(addition.trigger)))
