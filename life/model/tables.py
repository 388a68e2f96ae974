"""The tables that are written: the same three at row level and at statement level.

``Item`` has rules of most kinds, ``Note`` is only tracked, and a ``Team`` has items.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import models

import pghistory
import pgtrigger

STATES = ("new", "paid", "sent", "void")
TRANSITIONS = (("new", "paid"), ("paid", "sent"), ("sent", "new"), ("*", "void"))
COLUMNS = {
    "item": (*("id", "code", "number", "text", "state", "is_active", "team", "version", "vector"),),
    "note": ("id", "number", "text"),
}
EVENTS = (pghistory.InsertEvent, pghistory.UpdateEvent, pghistory.DeleteEvent)


@dataclass(frozen=True)
class Tables:
    """The models of one level."""

    level: str
    team: Any
    item: Any
    note: Any

    def event_models(self) -> dict[str, Any]:
        return {"item": self.item.pgh_event_model, "note": self.note.pgh_event_model}


def make(level: str) -> Tables:
    """Declare the models of a level, ``row`` or ``statement``."""
    at = {"row": pgtrigger.Row, "statement": pgtrigger.Statement}[level]
    prefix = level.title()

    def model(name: str, triggers: list[Any], **fields: Any) -> Any:
        meta = type("Meta", (), {"app_label": "model", "triggers": triggers})
        attributes = {"__module__": __name__, "Meta": meta, **fields}
        made = type(f"{prefix}{name}", (models.Model,), attributes)
        globals()[made.__name__] = made
        return made

    def tracked(made: Any) -> Any:
        return pghistory.track(*(event() for event in EVENTS), level=at)(made)

    team = model(
        "Team",
        [pgtrigger.SoftDelete(name="soft", field="deleted_at")],
        id=models.IntegerField(primary_key=True),
        items=models.IntegerField(default=0),
        deleted_at=models.DateTimeField(null=True),
    )
    negative = {"condition": pgtrigger.Q(new__number__lt=0), "level": at}
    item = model(
        "Item",
        [
            pgtrigger.Protect(name="negative_new", operation=pgtrigger.Insert, **negative),
            pgtrigger.Protect(name="negative", operation=pgtrigger.Update, **negative),
            pgtrigger.ReadOnly(name="read_only", fields=["code"], level=at),
            pgtrigger.FSM(name="fsm", field="state", transitions=TRANSITIONS, level=at),
            pgtrigger.UpdateSearchVector(
                name="search",
                vector_field="vector",
                document_fields=["text"],
                config_name="pg_catalog.simple",
            ),
            pgtrigger.SoftDelete(name="soft", field="is_active"),
            pgtrigger.Version("version"),
            pgtrigger.Count("team.items", where=models.Q(is_active=True)),
            pgtrigger.ActiveParent("team"),
        ],
        id=models.IntegerField(primary_key=True),
        code=models.IntegerField(unique=True),
        number=models.IntegerField(default=0),
        text=models.TextField(null=True),
        state=models.TextField(default="new"),
        is_active=models.BooleanField(default=True),
        team=models.ForeignKey(team, models.CASCADE, null=True),
        version=models.IntegerField(default=0),
        vector=SearchVectorField(null=True),
    )
    note = model(
        "Note",
        [],
        id=models.IntegerField(primary_key=True),
        number=models.IntegerField(default=0),
        text=models.TextField(null=True),
    )
    return Tables(level, team, tracked(item), tracked(note))
