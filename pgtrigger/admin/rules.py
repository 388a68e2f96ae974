"""The read-only fields and next states of a model with rules, for its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from pgtrigger.triggers import registry
from pgtrigger.triggers.fsm import FSM
from pgtrigger.triggers.protect import Protect, ReadOnly
from pgtrigger.triggers.soft_delete import SoftDelete
from pgtrigger.vocabulary.clauses import Update
from pgtrigger.vocabulary.conditions import F

if TYPE_CHECKING:
    from django.db.models import Model

    from pgtrigger.triggers.trigger import Trigger


def read_only_fields(model: type[Model]) -> list[str]:
    """Return the names of the fields that no update may change, in the model's order."""
    declared = _triggers(model)
    named = {name for trigger in declared for name in _kept_by(model, trigger)}
    return [field.name for field in model._meta.concrete_fields if field.name in named]


def soft_deletion(model: type[Model]) -> SoftDelete | None:
    """Return the rule that marks a row instead of deleting it, or None."""
    declared = _triggers(model)
    return next((found for found in declared if isinstance(found, SoftDelete)), None)


def next_states(model: type[Model], field: str, state: Any) -> set[Any] | None:
    """Return the state and those that may follow it; None if every state may follow.

    A rule with a condition does not apply to every row, so it is not considered.
    """
    for trigger in _triggers(model):
        if isinstance(trigger, FSM) and trigger.field == field and not trigger.condition:
            reached = {
                target for source, target in trigger.transitions or () if source in (state, "*")
            }
            return None if "*" in reached else {*reached, state}
    return None


def _triggers(model: type[Model]) -> list[Trigger]:
    return [trigger for owner, trigger in registry.registered() if owner is model]


def _kept_by(model: type[Model], trigger: Trigger) -> list[str]:
    if isinstance(trigger, ReadOnly) and not trigger.condition:
        excluded = trigger.exclude or ()
        every = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        return [name for name in trigger.fields or every if name not in excluded]
    if isinstance(trigger, Protect) and trigger.operation and Update in trigger.operation:
        return _compared(trigger.condition)
    return []


def _compared(condition: Any) -> list[str]:
    """Return the fields of a condition that is only "one of these differs", otherwise nothing."""
    if not isinstance(condition, Q) or condition.negated:
        return []
    if len(condition.children) > 1 and condition.connector != Q.OR:
        return []
    names = [_differing(child) for child in condition.children]
    return [name for found in names for name in found] if all(names) else []


def _differing(child: Any) -> list[str]:
    if isinstance(child, Q):
        return _compared(child)
    path, value = child
    side, _, rest = path.partition("__")
    name, _, lookup = rest.rpartition("__")
    other = "new" if side == "old" else "old"
    is_kept = lookup == "df" and isinstance(value, F) and value.name == f"{other}__{name}"
    return [name] if is_kept else []
