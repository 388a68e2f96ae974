"""Find the labels of an event model for rows that stayed, disappeared, or are new.

See Note [What events say] of ``pghistory.reading.history``.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pgtrigger
from pghistory.vocabulary import inheritance
from pgtrigger.vocabulary.columns import NEW

# What a tracker's events hold: of a row that stayed, that has gone, or of another time.
_STAYED, _GONE, _NEITHER = "stayed", "gone", "neither"


@dataclass(frozen=True)
class Labels:
    """The labels of one event model."""

    stayed: list[str]
    """The labels of events that hold a row as an insert or update left it, and of no others."""
    gone: list[str]
    """The labels of deletions only."""
    of_inserts: list[str]
    """The labels of ``stayed`` that an insert gives."""


@functools.cache
def of(event_model: Any) -> Labels:
    kinds: dict[str, set[str]] = {}
    inserts: set[str] = set()
    for tracker in event_model.pgh_trackers:
        found = kinds.setdefault(str(tracker.label), set())
        for event in tracker.row_events():
            kept = _STAYED if event.row == NEW else _NEITHER
            found |= {_GONE if each == pgtrigger.Delete else kept for each in event.operations}
            if pgtrigger.Insert in event.operations:
                inserts.add(str(tracker.label))
        if not tracker.row_events():
            found.add(_NEITHER)
    stayed = sorted(label for label, found in kinds.items() if found == {_STAYED})
    gone = sorted(label for label, found in kinds.items() if found == {_GONE})
    return Labels(stayed, gone, [label for label in stayed if label in inserts])


def operations(event_model: Any, label: str) -> set[pgtrigger.Operation]:
    """Return the operations that give events of the label."""
    return {
        operation
        for tracker in event_model.pgh_trackers
        if tracker.label == label
        for row_event in tracker.row_events()
        for operation in row_event.operations
    }


def identity(event_model: Any) -> tuple[tuple[Any, Any], ...]:
    """The fields of an event that say which row it is about, each with the row's own field.

    Without ``pgh_obj`` they are the copy of the key; none if the events do not hold that either.
    """
    fields = {field.name: field for field in event_model._meta.local_fields}
    if "pgh_obj" in fields:
        return tuple(fields["pgh_obj"].related_fields)
    own = inheritance.concrete(event_model.pgh_tracked_model)
    key = inheritance.composite_key(own) or [own._meta.pk]
    if not all(part.name in fields for part in key):
        return ()
    return tuple((fields[part.name], part) for part in key)
