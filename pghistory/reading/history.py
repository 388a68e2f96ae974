"""Objects as they were, and the differences between two states.

Times are those of ``pgh_created_at``: the time at which an event was written. Other transactions
saw it from the COMMIT on.

Note [What events say]. The last event before a time gives a row's state only if every insert and
update writes one, and if its label is used either for deletions only or never for them. Events
created by hand are left out: they may show a state that never existed. An object is identified by
its key. If a key was changed, a row was deleted while triggers were ignored, or deletions are not
tracked, no event records that the object disappeared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pgtrigger
from pghistory.reading import diffs, revert
from pghistory.vocabulary import inheritance
from pghistory.vocabulary.constants import DEFAULT
from pgtrigger.vocabulary.columns import NEW

if TYPE_CHECKING:
    from datetime import datetime

    from django.db import models


def as_of(obj: Any, time: datetime) -> Any:
    """Return the object as it was at that time, not saved; None if it did not exist.

    Raises:
        ValueError: The events do not tell, such as after a deletion without an event.
    """
    found = witness(type(obj))
    events = found.events(obj)
    event = events.filter(pgh_created_at__lte=time).last()
    if event is None or event.pgh_label in found.gone:
        return None
    if not events.filter(pgh_id__gt=event.pgh_id).exists() and not _is_live(obj):
        raise ValueError(
            f"{obj._meta.label} {obj.pk} has gone, and no event says when: its key was changed, "
            "or it was deleted, and no DeleteEvent is tracked or triggers were ignored."
        )
    return revert.instance(event)


def diff(before: Any, after: Any) -> dict[str, list[Any]]:
    """Return the differences between two events of one model, or an event and the object.

    The result has each field that both have and that differs, with its two values.

    Raises:
        ValueError: The two are of different models.
    """
    tracked = [_tracked(before), _tracked(after)]
    if tracked[0] is not tracked[1]:
        labels = " and ".join(each._meta.label for each in tracked)
        raise ValueError(f"diff() compares states of one model: found {labels}.")
    names = [_held(each) for each in (before, after)]
    return {
        field.name: [getattr(before, field.attname), getattr(after, field.attname)]
        for field in inheritance.all_columns(tracked[0])
        if field.name in names[0] & names[1]
        and getattr(before, field.attname) != getattr(after, field.attname)
    }


def _tracked(state: Any) -> Any:
    return inheritance.concrete(getattr(state, "pgh_tracked_model", None) or type(state))


def _held(state: Any) -> set[str]:
    if hasattr(state, "pgh_tracked_fields"):
        return set(state.pgh_tracked_fields())
    return {field.name for field in inheritance.all_columns(type(state))}


def _is_live(obj: Any) -> bool:
    manager = inheritance.concrete(type(obj))._base_manager
    return bool(manager.using(obj._state.db).filter(pk=obj.pk).exists())


@dataclass(frozen=True)
class Witness:
    """An event model from which past rows can be restored. See Note [What events say]."""

    event_model: Any
    stayed: list[str]
    """The labels of events that hold a row as an insert or update left it, and of no others."""
    gone: list[str]
    """Those of deletions only."""

    def events(self, obj: Any) -> models.QuerySet[Any]:
        """Return the object's events in their order."""
        labels = [*self.stayed, *self.gone]
        about = self.event_model._base_manager.using(obj._state.db)
        return about.filter(pgh_obj=obj.pk, pgh_label__in=labels).order_by("pgh_id")  # type: ignore[no-any-return]


# What a tracker's events hold: of a row that stayed, that has gone, or of another time.
_STAYED, _GONE, _NEITHER = "stayed", "gone", "neither"


def witness(model: Any) -> Witness:
    """Return an event model with the whole row after each insert and update."""
    reasons = []
    for event_model in dict.fromkeys(getattr(model, "pgh_event_models", {}).values()):
        said = _said_by_label(event_model)
        made = Witness(
            event_model,
            sorted(label for label, kinds in said.items() if kinds == {_STAYED}),
            labels_of_deletions(event_model),
        )
        lack = _lack(made)
        if not lack:
            return made
        reasons.append(f"{event_model._meta.label} {lack}")
    raise ValueError(
        f"The history of {model._meta.label} does not say what it was: "
        f"{'; '.join(reasons) or 'it is not tracked'}. Track all fields, with @pghistory.track("
        "pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())."
    )


def labels_of_deletions(event_model: Any) -> list[str]:
    """The labels that only deletions have."""
    said = _said_by_label(event_model)
    return sorted(label for label, kinds in said.items() if kinds == {_GONE})


def _said_by_label(event_model: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for tracker in event_model.pgh_trackers:
        kinds = found.setdefault(str(tracker.label), set())
        for event in tracker.row_events():
            kept = _STAYED if event.row == NEW else _NEITHER
            kinds |= {_GONE if each == pgtrigger.Delete else kept for each in event.operations}
        if not tracker.row_events():
            kinds.add(_NEITHER)
    return found


def _lack(witness: Witness) -> str:
    """Return what the events do not record; empty if they record everything."""
    missing = revert.missing_fields(witness.event_model)
    if missing:
        return f"leaves out {', '.join(missing)}"
    if not diffs.obj_columns(witness.event_model):
        return "has no pgh_obj"
    told = {
        (operation, event.row)
        for tracker in witness.event_model.pgh_trackers
        if tracker.label in (*witness.stayed, *witness.gone)
        for event in tracker.row_events()
        if event.condition in (None, DEFAULT)
        for operation in event.operations
    }
    needed = {
        (pgtrigger.Insert, NEW): "each insert",
        (pgtrigger.Update, NEW): "each update's new row",
    }
    lacking = [what for each, what in needed.items() if each not in told]
    return f"has no event, of a label of its own, of {' and '.join(lacking)}" if lacking else ""
