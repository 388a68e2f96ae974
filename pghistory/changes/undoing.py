"""Undoing the events of a change set, the last one first.

Note [Backwards]. The writes of a transaction were possible in their order, so undoing them is
possible in the opposite order, also if unique values were exchanged or rows refer to each other. A
row that was changed after the change set is a conflict, and then nothing is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, transaction

import pgtrigger
from pghistory.reading import history, labels, revert
from pghistory.vocabulary import inheritance, masking

if TYPE_CHECKING:
    from collections.abc import Iterator

DELETE = "delete"
RESTORE = "restore"


@dataclass(frozen=True)
class UndoStep:
    """The undoing of one event: delete the row, or restore what ``target`` holds."""

    event: Any
    action: str
    target: Any = None

    def __str__(self) -> str:
        return f"{self.action} {_name(self.event)}"


@dataclass(frozen=True)
class Conflict:
    """The reason why a row cannot be restored; ``events`` are those that changed it since."""

    event: Any
    reason: str
    events: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        since = ", ".join(f"{each._meta.label} {each.pk}" for each in self.events)
        return f"{_name(self.event)}: {self.reason}{f' (by {since})' if since else ''}"


@dataclass(frozen=True)
class UndoPlan:
    """The steps that undo a change set, in order, and the conflicts."""

    steps: list[UndoStep]
    conflicts: list[Conflict]

    @property
    def is_possible(self) -> bool:
        return not self.conflicts

    def __str__(self) -> str:
        lines = [str(step) for step in self.steps]
        return "\n".join([*lines, *(f"conflict: {each}" for each in self.conflicts)])


class CannotUndo(RuntimeError):
    """The change set cannot be undone; ``plan`` has its conflicts."""

    def __init__(self, plan: UndoPlan):
        super().__init__("Cannot undo. " + " ".join(f"{each}." for each in plan.conflicts))
        self.plan = plan


def plan(events: list[Any], using: str) -> UndoPlan:
    """Return the plan, with the conflicts that are found by carrying it out and rolling back."""
    made = _planned(events, using)
    if not made.is_possible:
        return made
    try:
        with transaction.atomic(using=using):
            _carry_out(made, using)
            transaction.set_rollback(True, using=using)
    except CannotUndo as error:
        return error.plan
    return made


def undo(events: list[Any], using: str) -> UndoPlan:
    """Carry the plan out in a transaction, under a lock on each row."""
    with transaction.atomic(using=using):
        last = _last_of_each_row(events).values()
        for event in sorted(last, key=lambda each: (each._meta.label, str(_identity(each)))):
            list(revert.live(event, using).select_for_update().values_list("pk"))
        made = _planned(events, using)
        if not made.is_possible:
            raise CannotUndo(made)
        _carry_out(made, using)
    return made


def has_obj(event_model: Any) -> bool:
    return any(each.name == "pgh_obj" for each in event_model._meta.local_fields)


def _planned(events: list[Any], using: str) -> UndoPlan:
    steps: list[UndoStep] = []
    conflicts: list[Conflict] = []
    told: list[Any] = []
    unknown: set[Any] = set()
    for event in events:
        try:
            witness = history.witness(event.pgh_tracked_model)
        except ValueError as error:
            if type(event) not in unknown:
                conflicts.append(Conflict(event, str(error)))
            unknown.add(type(event))
            continue
        known = (*witness.stayed, *witness.gone)
        if isinstance(event, witness.event_model) and event.pgh_label in known:
            told.append(event)
    for event in _last_of_each_row(told).values():
        conflicts += _changed_since(event, using)
    inserted = {_identity(event) for event in told if _operations(event) == {pgtrigger.Insert}}
    hidden = _of_new_masked_rows(told)
    for event in reversed(told):
        if event in hidden:
            continue
        lost = _lost(event)
        if lost:
            conflicts.append(Conflict(event, f"{lost} is masked: no event says what it was before"))
            continue
        step = _step(event, using, _identity(event) in inserted)
        if step is None:
            reason = "no event says what it was before: see `manage.py pghistory backfill`"
            conflicts.append(Conflict(event, reason))
        else:
            steps.append(step)
    return UndoPlan(steps, conflicts)


def _of_new_masked_rows(told: list[Any]) -> set[Any]:
    """The events, but the first, of rows with masked fields that the change set inserted.

    To undo the first one, which deletes the row, is enough, and the others could not be undone.
    """
    first: dict[Any, Any] = {}
    for event in told:
        first.setdefault(_identity(event), event)
    return {
        event
        for event in told
        if event.pgh_masked_fields
        and event is not first[_identity(event)]
        and _operations(first[_identity(event)]) == {pgtrigger.Insert}
    }


def _lost(event: Any) -> str:
    """The masked fields whose values the event changed or removed."""
    names = event.pgh_masked_fields
    if _operations(event) != {pgtrigger.Delete}:
        names = [name for name in names if getattr(event, masking.flag(name))]
    return ", ".join(names)


def _step(event: Any, using: str, was_inserted: bool) -> UndoStep | None:
    witness = history.witness(event.pgh_tracked_model)
    operations = _operations(event)
    if event.pgh_label in witness.gone:
        return UndoStep(event, RESTORE, event)
    if operations == {pgtrigger.Insert}:
        return UndoStep(event, DELETE)
    told = [*witness.stayed, *witness.gone]
    earlier = _of_row(event, using).filter(pgh_label__in=told, pgh_id__lt=event.pgh_id)
    before = earlier.order_by("-pgh_id").first()
    if before is not None and before.pgh_label in witness.stayed:
        return UndoStep(event, RESTORE, before)
    can_insert = pgtrigger.Insert in operations
    if can_insert and (before is not None or was_inserted):
        return UndoStep(event, DELETE)
    return None


def _carry_out(made: UndoPlan, using: str) -> None:
    step = None
    try:
        for step in made.steps:
            if step.action == DELETE:
                _delete(step.event, using)
            else:
                revert.revert(step.target, using=using)
        # Deferred foreign keys are checked here, so that an error is the undo's.
        connections[using].check_constraints()
    except revert.CannotRevert as error:
        assert step is not None
        reasons = "; ".join(str(problem) for problem in error.plan.problems)
        conflict = Conflict(step.event, reasons)
        raise CannotUndo(UndoPlan(made.steps, [conflict])) from error
    except IntegrityError as error:
        assert step is not None
        conflict = Conflict(step.event, str(error).partition("\n")[0])
        raise CannotUndo(UndoPlan(made.steps, [conflict])) from error


def _delete(event: Any, using: str) -> None:
    """Delete the row and its parents' rows, and nothing that refers to them."""
    row = revert.live(event, using).first()
    if row is None:
        return
    for table in inheritance.tables(event.pgh_tracked_model):
        own = table._base_manager.using(using).filter(pk=getattr(row, table._meta.pk.attname))
        own._raw_delete(using)


def _changed_since(event: Any, using: str) -> Iterator[Conflict]:
    """Compare the row with the last event that the change set has of it."""
    witness = history.witness(event.pgh_tracked_model)
    if event.pgh_label in witness.gone:
        reason = "exists again" if revert.live(event, using).exists() else ""
    else:
        action = revert.plan(event, using=using).action
        reasons = {revert.INSERT: "was deleted since", revert.UPDATE: "was changed since"}
        reason = reasons.get(action, "")
    told = [*witness.stayed, *witness.gone]
    later = _of_row(event, using).filter(pgh_id__gt=event.pgh_id, pgh_label__in=told)
    if not reason and any(later.filter(**{flag: True}).exists() for flag in _flags(event)):
        reason = "was changed since"
    if reason:
        yield Conflict(event, reason, list(later.order_by("pgh_id")))


def _flags(event: Any) -> list[str]:
    return [masking.flag(name) for name in event.pgh_masked_fields]


def _last_of_each_row(events: list[Any]) -> dict[Any, Any]:
    return {_identity(event): event for event in events}


def _identity(event: Any) -> tuple[Any, ...]:
    pairs = labels.identity(type(event))
    if not pairs:
        return (type(event), event.pk)
    return (type(event), *(getattr(event, near.attname) for near, _ in pairs))


def _of_row(event: Any, using: str) -> Any:
    """The events about the same row."""
    pairs = labels.identity(type(event))
    same = {near.attname: getattr(event, near.attname) for near, _ in pairs}
    return type(event)._base_manager.using(using).filter(**same)


def _operations(event: Any) -> set[pgtrigger.Operation]:
    return labels.operations(type(event), event.pgh_label)


def _name(event: Any) -> str:
    key = ", ".join(str(part) for part in _identity(event)[1:])
    return f"{event.pgh_tracked_model._meta.label} {key}"
