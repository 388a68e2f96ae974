"""The views of the past while ``migrate`` runs, and when the tracking of each table began."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections
from psycopg import sql

from pghistory.past import views
from pghistory.tracking import event_models
from pgtrigger import naming

TRACK = "track"


def before_migrate(using: str, plan: Any = (), **kwargs: Any) -> None:
    """Set the views aside if there is anything to migrate."""
    if plan:
        views.set_aside(using)


def after_migrate(using: str, **kwargs: Any) -> None:
    """Record new event tables, and create the views again."""
    if connections[using].vendor != "postgresql":
        return
    maintenance = apps.get_model("pghistory.Maintenance")
    with connections[using].cursor() as cursor:
        existing = set(connections[using].introspection.table_names(cursor))
    if maintenance._meta.db_table not in existing:
        views.remove(using)  # the app was migrated to an earlier state
        return
    # A table that was dropped may be created again, when its model is tracked again.
    records = maintenance.objects.using(using)
    records.filter(action=TRACK).exclude(event_table__in=existing).delete()
    known = set(records.filter(action=TRACK).values_list("event_table", flat=True))
    for event_model in event_models.all_event_models():
        tables = [event_model._meta.db_table, event_model.pgh_tracked_model._meta.db_table]
        if tables[0] not in known and existing.issuperset(tables):
            _record(maintenance, event_model, using)
    views.install(using)


def _record(maintenance: Any, event_model: Any, using: str) -> None:
    """Record from when on the events of a table are complete.

    Always if its table was empty; otherwise from its first event on, or from a backfill on.
    """
    events = naming.table_identifier(event_model._meta.db_table)
    rows = naming.table_identifier(event_model.pgh_tracked_model._meta.db_table)
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT EXISTS (SELECT FROM {}), min(pgh_created_at), now() FROM {}").format(
                rows, events
            )
        )
        has_rows, first, now = cursor.fetchone()
    is_complete = not has_rows or first is not None
    maintenance.objects.using(using).create(
        action=TRACK,
        event_table=event_model._meta.db_table,
        complete_from=first,
        finished_at=now if is_complete else None,
    )
