"""The earliest time that the events of one object can answer for.

The views ask the same of each table: see ``is_known()`` in Note [Views of the past].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Max

from pghistory.past import state
from pghistory.reading import history

if TYPE_CHECKING:
    from datetime import datetime


def reject_earlier(obj: Any, time: datetime) -> None:
    """Raise PastError for a time before the events of the object's model are complete."""
    table = history.witness(type(obj)).event_model._meta.db_table
    records = apps.get_model("pghistory.Maintenance").objects.using(
        obj._state.db or DEFAULT_DB_ALIAS
    )
    earliest = records.filter(event_table=table).aggregate(at=Max("complete_from"))["at"]
    if earliest is not None and time < earliest:
        raise state.PastError(
            f"The history of {obj._meta.label} is complete from {earliest} on, and {time} was "
            "asked for."
        )
