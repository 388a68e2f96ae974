"""The history of one object, for the drawing of pghistory's own pages."""

from typing import Any

from django.db.models import Model

from pghistory.admin import presenting, writes
from pghistory.models import Events

SHOWN = 16


def event_models(model: type[Model]) -> list[type[Model]]:
    """Return the models of the model's event tables; none if it is not tracked."""
    return list(dict.fromkeys(getattr(model, "pgh_event_models", {}).values()))


def read_history(model: type[Model]) -> list[writes.Group]:
    """Return the first writes of the object that has the newest event, grouped by their context."""
    every = Events.objects.across(*event_models(model))
    newest = every.order_by("-pgh_created_at", "-pgh_id").first()
    if newest is None:
        return []
    events = every.filter(pgh_obj_id=newest.pgh_obj_id).order_by("pgh_created_at", "pgh_id")
    return writes.by_transaction(writes.of(presenting.shown(events[:SHOWN])))


def drawn(groups: list[writes.Group]) -> list[dict[str, Any]]:
    """Return what the template ``pghistory/drawings/timeline.html`` draws, without links."""
    return [
        {"shown": group.shown, "entries": [{"write": write} for write in group.writes]}
        for group in groups
    ]
