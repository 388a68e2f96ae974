"""The history of one object: a drawing of its events, each with what it changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from pghistory.models import Events

WIDTH = 620
SPINE = 96
LINE_HEIGHT = 20
GAP = 18
SHOWN = 16
CHARACTERS = 26


@dataclass(frozen=True)
class Event:
    """What became of an object: `diff` is what it changed, old and new by field."""

    label: str
    time: datetime
    diff: dict[str, list[Any]]
    context: dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A line of the drawing: a field that changed."""

    y: int
    field: str
    old: str
    new: str


@dataclass(frozen=True)
class Stop:
    """An event on the line, with its changes under it."""

    y: int
    label: str
    when: str
    context: str
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Timeline:
    """The stops from the first down to the last."""

    title: str
    stops: tuple[Stop, ...]
    height: int
    width: int = WIDTH
    spine: int = SPINE

    @property
    def sentences(self) -> list[str]:
        """What is drawn, in words."""
        return [
            f"{stop.label} {stop.when}"
            + "".join(f", {each.field} from {each.old} to {each.new}" for each in stop.changes)
            for stop in self.stops
        ]


def event_models(model: type[Model]) -> list[type[Model]]:
    """The models of the model's event tables; none where it is not tracked."""
    return list(dict.fromkeys(getattr(model, "pgh_event_models", {}).values()))


def read_history(model: type[Model]) -> list[Event]:
    """The events of the object, of this tracked model, that has the newest one."""
    every = Events.objects.across(*event_models(model))
    newest = every.order_by("-pgh_created_at", "-pgh_id").first()
    if newest is None:
        return []
    found = every.filter(pgh_obj_id=newest.pgh_obj_id).order_by("pgh_created_at", "pgh_id")
    return [
        Event(event.pgh_label, event.pgh_created_at, event.pgh_diff or {}, event.pgh_context or {})
        for event in found[:SHOWN]
    ]


def timeline(title: str, events: Sequence[Event]) -> Timeline:
    """The drawing of the events, in their order."""
    y, stops = 22, []
    for event in events:
        changes = tuple(
            Change(y + LINE_HEIGHT * place, field, _short(old), _short(new))
            for place, (field, (old, new)) in enumerate(event.diff.items(), start=1)
        )
        elapsed = (event.time - events[0].time).total_seconds() * 1000
        context = ", ".join(f"{name}={_short(value)}" for name, value in event.context.items())
        stops.append(Stop(y, event.label, f"+{elapsed:.1f} ms", context, changes))
        y += LINE_HEIGHT * len(changes) + LINE_HEIGHT + GAP
    return Timeline(title, tuple(stops), height=y - GAP)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
