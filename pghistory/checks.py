"""System checks.

pghistory.E001
    Events of a partitioned table are captured once a statement, so that a direct write to a
    partition has no event (``manage.py check --database ALIAS``; ``migrate`` runs it).

pghistory.E002
    The key of an event model is not an integer, but events are ordered by it (``Event.check()``).

pghistory.E003
    ``track(with_=[...])`` names a relation that does not exist, or whose rows are not tracked.

pghistory.W001
    ``pghistory.admin`` is below Django's admin in INSTALLED_APPS. The Events button is a template
    of that admin, which finds its own first.

pghistory.W002
    An event model is in the project, but the trigger that fills it is on a model of an installed
    package: ``makemigrations`` would write its migration into the package.

pghistory.W003
    A tracked table has rows but no events, so that their past values are unknown
    (``manage.py check --database ALIAS``; ``migrate`` runs it).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.db import connections
from psycopg import sql

import pgtrigger
from pghistory.keeping import backfill, selection
from pghistory.reading import related_rows
from pghistory.tracking import event_models
from pghistory.writing.event_trigger import Event
from pgtrigger import naming
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable


def register() -> None:
    checks.register(check_partitioned, checks.Tags.database)
    checks.register(check_backfilled, checks.Tags.database)
    checks.register(check_admin, checks.Tags.admin)
    checks.register(check_installed, checks.Tags.models)
    checks.register(check_relations, checks.Tags.models)


def check_admin(**kwargs: Any) -> list[checks.CheckMessage]:
    """Return a warning if the admin's own template hides the Events button that was asked for."""
    names = [each.name for each in apps.get_app_configs()]
    if not {"pghistory.admin", "django.contrib.admin"} <= {*names}:
        return []
    above = names[: names.index("django.contrib.admin")]
    if "pghistory" in above or "pghistory.admin" in above:
        return []
    return [
        checks.Warning(
            "The admin's pages of tracked objects have no Events button.",
            hint='Put "pghistory.admin" above "django.contrib.admin" in INSTALLED_APPS.',
            id="pghistory.W001",
        )
    ]


def check_installed(**kwargs: Any) -> list[checks.CheckMessage]:
    """Look for triggers whose migrations would be written into an installed package."""
    found = {
        (model._meta.label, trigger.event_model._meta.label)
        for model, trigger in pgtrigger.registered()
        if isinstance(trigger, Event)
        and model._meta.app_label != trigger.event_model._meta.app_label
        and _is_installed(model._meta.app_label)
    }
    return [
        checks.Warning(
            f"{event_model} has triggers on {model}, which are migrated in an installed package: "
            "other machines have that without the migration.",
            hint="Let the project have the app's migrations (settings.MIGRATION_MODULES), or track "
            f"a proxy of {model} in an app of the project and, in a model that inherits it, only "
            "that model's own fields.",
            id="pghistory.W002",
        )
        for model, event_model in sorted(found)
    ]


def check_relations(**kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error for each relation of ``with_`` that cannot be in a timeline."""
    return errors_of_relations(event_models.all_event_models())


def errors_of_relations(chosen: Iterable[Any]) -> list[checks.CheckMessage]:
    found: list[checks.CheckMessage] = []
    for event_model in chosen:
        for name in event_model.pgh_with:
            try:
                related_rows.resolve(event_model.pgh_tracked_model, name)
            except ValueError as error:
                found.append(checks.Error(str(error), obj=event_model, id="pghistory.E003"))
    return found


def _is_installed(app_label: str) -> bool:
    """Return whether the app's migrations are in an installed package, not in the project."""
    directories = Path(apps.get_app_config(app_label).path).parts
    installed = not {"site-packages", "dist-packages"}.isdisjoint(directories)
    return installed and app_label not in settings.MIGRATION_MODULES


def check_partitioned(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Look whether the tables with statement-level capture are partitioned."""
    return [message for alias in databases or () for message in _messages(alias)]


def _messages(alias: str) -> list[checks.CheckMessage]:
    if connections[alias].vendor != "postgresql":
        return []
    captured = {
        naming.table_identifier(model._meta.db_table).as_string(): model._meta.label
        for model, trigger in pgtrigger.registered()
        if isinstance(trigger, Event)
        and trigger.level == pgtrigger.Statement
        and trigger.operation != pgtrigger.Truncate
    }
    with connections[alias].cursor() as cursor:
        cursor.execute(query(__package__, "partitioned"), {"names": list(captured)})
        found = sorted(captured[name] for (name,) in cursor.fetchall())
    return [
        checks.Error(
            f"The table of {label} is partitioned, and its events are captured once a statement.",
            hint="What is written into a partition directly, or moved to another one, passes "
            "row-level triggers only: track it with @pghistory.track(level=pgtrigger.Row).",
            id="pghistory.E001",
        )
        for label in found
    ]


def check_backfilled(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Return a warning for each tracked table with rows and without events."""
    return [
        checks.Warning(
            f"{label} has rows and no events.",
            hint=f"Write a first event for each: manage.py pghistory backfill {label}",
            id="pghistory.W003",
        )
        for alias in databases or ()
        for label in _without_events(alias)
    ]


def _without_events(alias: str) -> list[str]:
    found = []
    for event_model in selection.on_database(selection.chosen([]), alias):
        tracked = event_model.pgh_tracked_model._meta
        rows, events = (
            naming.table_identifier(table)
            for table in (tracked.db_table, event_model._meta.db_table)
        )
        if backfill.default_label(event_model) is None:
            continue
        with connections[alias].cursor() as cursor:
            cursor.execute(
                sql.SQL("SELECT EXISTS (SELECT FROM {}) AND NOT EXISTS (SELECT FROM {})").format(
                    rows, events
                )
            )
            if cursor.fetchone()[0]:
                found.append(tracked.label)
    return found
