"""What the rules declared on a model say of its fields, for a form that heeds them beforehand."""

from typing import Any

from django.db.models import Model, Q

import pgtrigger


def read_only_fields(model: type[Model]) -> list[str]:
    """The names of the fields that no update may change, whatever else it does."""
    declared = _triggers(model)
    named = {name for trigger in declared for name in _kept_by(model, trigger)}
    return [field.name for field in model._meta.concrete_fields if field.name in named]


def soft_deletion(model: type[Model]) -> pgtrigger.SoftDelete | None:
    """The rule by which a deletion only marks a row, if there is one."""
    declared = _triggers(model)
    return next((found for found in declared if isinstance(found, pgtrigger.SoftDelete)), None)


def next_states(model: type[Model], field: str, state: Any) -> set[Any] | None:
    """The states that a row in `state` may be in next, this one too; None where any may be.

    A rule with a condition does not hold for every row, so it limits nothing here.
    """
    for trigger in _triggers(model):
        if isinstance(trigger, pgtrigger.FSM) and trigger.field == field and not trigger.condition:
            reached = {target for source, target in trigger.transitions if source in (state, "*")}
            return None if "*" in reached else {*reached, state}
    return None


def _triggers(model: type[Model]) -> list[pgtrigger.Trigger]:
    return [trigger for owner, trigger in pgtrigger.registered() if owner is model]


def _kept_by(model: type[Model], trigger: pgtrigger.Trigger) -> list[str]:
    if isinstance(trigger, pgtrigger.ReadOnly) and not trigger.condition:
        excluded = trigger.exclude or ()
        every = [field.name for field in model._meta.concrete_fields if not field.primary_key]
        return [name for name in trigger.fields or every if name not in excluded]
    if isinstance(trigger, pgtrigger.Protect) and pgtrigger.Update in trigger.operation:
        return _compared(trigger.condition)
    return []


def _compared(condition: Any) -> list[str]:
    """The fields of a condition that says "one of these differs", and nothing else."""
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
    is_kept = lookup == "df" and isinstance(value, pgtrigger.F) and value.name == f"{other}__{name}"
    return [name] if is_kept else []
