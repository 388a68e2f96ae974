"""The event models that a command names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, router

from pghistory.tracking import event_models

if TYPE_CHECKING:
    from collections.abc import Iterable


def chosen(labels: Iterable[str]) -> list[Any]:
    """Return the event models of these labels, all without labels.

    A label is that of an event model, or of a tracked model for all of its event models.

    Raises:
        ValueError: A label is neither.
    """
    known = event_models.all_event_models()
    labels = list(labels)
    if not labels:
        return known
    found: list[Any] = []
    for label in labels:
        try:
            model: Any = apps.get_model(label)
        except (LookupError, ValueError):
            model = None
        matching = [each for each in known if model in (each, each.pgh_tracked_model)]
        if model is None or not matching:
            names = sorted(each.pgh_tracked_model._meta.label for each in known)
            raise ValueError(
                f"{label} is not tracked, and is not an event model. "
                f"Tracked are: {', '.join(dict.fromkeys(names))}."
            )
        found += [each for each in matching if each not in found]
    return found


def on_database(found: Iterable[Any], using: str) -> list[Any]:
    """Return those that the routers allow on this database and that have their tables there."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor))
    return [
        each
        for each in found
        if router.allow_migrate_model(using, each)
        and existing.issuperset([each._meta.db_table, each.pgh_tracked_model._meta.db_table])
    ]
