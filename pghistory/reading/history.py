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
from pghistory.reading import diffs, labels, related_rows, revert
from pghistory.vocabulary import inheritance, masking
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

    The result has each field that both have and that differs, with its two values. Of a masked
    field it says only that it changed. A relation of ``with_`` has the keys of its rows at both
    times.

    Raises:
        ValueError: The two are of different models.
    """
    tracked = [_tracked(before), _tracked(after)]
    if tracked[0] is not tracked[1]:
        labels = " and ".join(each._meta.label for each in tracked)
        raise ValueError(f"diff() compares states of one model: found {labels}.")
    names = [_held(each) for each in (before, after)]
    found = {
        field.name: [getattr(before, field.attname), getattr(after, field.attname)]
        for field in inheritance.all_columns(tracked[0])
        if field.name in names[0] & names[1]
        and getattr(before, field.attname) != getattr(after, field.attname)
    }
    return {**found, **_masked_changes(before, after), **related_rows.diff(before, after)}


def _masked_changes(before: Any, after: Any) -> dict[str, list[Any]]:
    """The masked fields that changed in a later one of two states, or between them."""
    events = [each for each in (before, after) if hasattr(each, "pgh_masked_fields")]
    if not events or not diffs.obj_columns(type(events[0])):
        return {}
    keys = sorted(each.pgh_id for each in events)
    related = events[0]._meta.get_field("pgh_obj").related_fields
    same = {near.attname: getattr(events[0], near.attname) for near, _ in related}
    since = type(events[0])._base_manager.using(events[0]._state.db).filter(**same)
    since = since.filter(pgh_id__gt=keys[0])
    if len(keys) == 2:
        since = since.filter(pgh_id__lte=keys[1])
    return {
        name: [masking.MASKED, masking.CHANGED]
        for name in events[0].pgh_masked_fields
        if since.filter(**{masking.flag(name): True}).exists()
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
        about = self.event_model._base_manager.using(obj._state.db)
        pairs = labels.identity(self.event_model)
        same = {near.attname: getattr(obj, far.attname) for near, far in pairs}
        told = [*self.stayed, *self.gone]
        return about.filter(**same, pgh_label__in=told).order_by("pgh_id")  # type: ignore[no-any-return]


def witness(model: Any) -> Witness:
    """Return an event model with the whole row after each insert and update."""
    reasons = []
    for event_model in dict.fromkeys(getattr(model, "pgh_event_models", {}).values()):
        kinds = labels.of(event_model)
        made = Witness(event_model, kinds.stayed, kinds.gone)
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
    return labels.of(event_model).gone


def _lack(witness: Witness) -> str:
    """Return what the events do not record; empty if they record everything."""
    missing = revert.missing_fields(witness.event_model)
    if missing:
        return f"leaves out {', '.join(missing)}"
    if not labels.identity(witness.event_model):
        return "has neither pgh_obj nor the key"
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
    if witness.event_model.pgh_tracked_model._meta.auto_created:
        # Rows of an automatic many-to-many table are inserted and deleted only.
        del needed[pgtrigger.Update, NEW]
    lacking = [what for each, what in needed.items() if each not in told]
    return f"has no event with a separate label of {' and '.join(lacking)}" if lacking else ""
