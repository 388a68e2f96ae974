"""The history of one object: one entry for each write, with what it changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model

import pgtrigger
from pghistory.models import Events

SHOWN = 16
CHARACTERS = 60


@dataclass(frozen=True)
class Event:
    """An event. `operations` are those that its tracker fires on, such as UPDATE."""

    label: str
    time: datetime
    values: dict[str, Any]
    diff: dict[str, list[Any]]
    context: dict[str, Any]
    operations: frozenset[str] = frozenset()


@dataclass
class Entry:
    """A write: the labels of its events, and the changes as (field, before, after)."""

    labels: list[str]
    elapsed: str
    summary: str
    context: str
    changes: list[tuple[str, str, str]] = field(default_factory=list)


def event_models(model: type[Model]) -> list[type[Model]]:
    """Return the models of the model's event tables; none if it is not tracked."""
    return list(dict.fromkeys(getattr(model, "pgh_event_models", {}).values()))


def read_history(model: type[Model]) -> list[Event]:
    """Return the first events of the object that has the newest event."""
    every = Events.objects.across(*event_models(model))
    newest = every.order_by("-pgh_created_at", "-pgh_id").first()
    if newest is None:
        return []
    events = every.filter(pgh_obj_id=newest.pgh_obj_id).order_by("pgh_created_at", "pgh_id")
    operations = _operations(model)
    return [
        Event(
            event.pgh_label,
            event.pgh_created_at,
            event.pgh_data or {},
            event.pgh_diff or {},
            event.pgh_context or {},
            operations.get(event.pgh_label, frozenset()),
        )
        for event in events[:SHOWN]
    ]


def _operations(model: type[Model]) -> dict[str, frozenset[str]]:
    """Return the operations that each label is tracked on."""
    return {
        str(tracker.label): frozenset(
            operation.name for event in tracker.row_events() for operation in event.operations
        )
        for event_model in event_models(model)
        for tracker in getattr(event_model, "pgh_trackers")  # noqa: B009  # tracking adds it
    }


def timeline(events: Sequence[Event]) -> list[Entry]:
    """Return one entry for each write. A write makes one event for each tracker that applies."""
    entries: list[Entry] = []
    operations: frozenset[str] = frozenset()
    for event in events:
        is_same_write = (
            entries
            and event.label not in entries[-1].labels
            and not event.diff
            and operations & event.operations
        )
        if is_same_write:
            entries[-1].labels.append(event.label)
            operations &= event.operations
            continue
        operations = event.operations
        elapsed = (event.time - events[0].time).total_seconds() * 1000
        entries.append(
            Entry(
                [event.label],
                f"+{elapsed:.1f} ms",
                _summary(event),
                _listed(event.context),
                [(name, _short(old), _short(new)) for name, (old, new) in event.diff.items()],
            )
        )
    return entries


def _summary(event: Event) -> str:
    """Say what a write without differences did."""
    if event.operations == {pgtrigger.Delete.name}:
        return f"Deleted; it contained {_listed(event.values)}"
    if pgtrigger.Insert.name in event.operations and not event.diff:
        return f"Created with {_listed(event.values)}"
    return ""


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={_short(value)}" for name, value in values.items() if name != "id")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
