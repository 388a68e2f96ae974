"""Triggers on tables that no migration creates: ``migrate`` ends by installing them.

Those are the tables of apps without migrations (``migrate --run-syncdb``, ``pytest
--no-migrations``) and the many-to-many tables that Django makes by itself.

https://docs.djangoproject.com/en/stable/ref/signals/#post-migrate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from pgtrigger import administration
from pgtrigger.conf import settings
from pgtrigger.database import catalog, recording
from pgtrigger.database.installer import Installer
from pgtrigger.migrating.operations import AddTrigger
from pgtrigger.roles import privileges
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

    from pgtrigger.database.catalog import InstalledTrigger
    from pgtrigger.triggers.trigger import Trigger


def install_unmigrated(using: str, **kwargs: Any) -> None:
    """Install the triggers without migrations, or all of them if the setting says so."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    everything = settings.install_on_migrate
    migrations = _Migrations()
    if "pgtrigger" not in migrations.apps:
        recording.install(connection)
    wanted = [
        (model, trigger)
        for model, trigger in registry.registered()
        if trigger.allow_migrate(model, using)
        and (everything or model._meta.auto_created or model._meta.app_label not in migrations.apps)
    ]
    existing = catalog.tables(connection, {model._meta.db_table for model, _ in wanted})
    uris = [t.get_uri(model) for model, t in wanted if model._meta.db_table in existing]
    if uris:
        administration.install(*uris, database=using)
    if not settings.prune_on_install:
        return
    if everything:
        administration.prune(using)
        return
    for trigger in _replaced(wanted, administration.undeclared(using), migrations):
        Installer(connection).prune(trigger)


def grant_after_migrate(using: str, **kwargs: Any) -> None:
    """Give the roles of settings.PGTRIGGER_ROLES what new tables need."""
    privileges.apply_after_migrate(using)


def _replaced(
    wanted: Iterable[tuple[type[Model], Trigger]],
    undeclared: Iterable[InstalledTrigger],
    migrations: _Migrations,
) -> list[InstalledTrigger]:
    """Return the triggers that nothing declares any more and no migration will remove.

    A trigger of an automatic many-to-many table is named after the model, so that one of the same
    name is declared if that model was renamed. If the table became the table of another model, no
    model has the old name. Other triggers on such a table may be a proxy's, which has migrations.
    """
    names = {(model._meta.db_table, str(trigger.name).lower()) for model, trigger in wanted}
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    found = []
    for trigger in undeclared:
        model_label, _, name = trigger.uri.partition(":")
        app_label, _, model_name = model_label.partition(".")
        is_replaced = (trigger.table, name.lower()) in names
        is_of_no_migration = trigger.table in tables and not (
            _is_migrated(app_label, model_name) or migrations.have_triggers(app_label, model_name)
        )
        if name and (app_label not in migrations.apps or is_replaced or is_of_no_migration):
            found.append(trigger)
    return found


def _is_migrated(app_label: str, model_name: str) -> bool:
    """Return whether the model is there and migrations create it."""
    model = apps.all_models.get(app_label, {}).get(model_name.lower())
    return model is not None and not model._meta.auto_created


class _Migrations:
    """The migrations on disk."""

    def __init__(self) -> None:
        loader = MigrationLoader(None, load=False)
        loader.load_disk()
        self.apps = set(loader.migrated_apps)
        self._disk = loader.disk_migrations

    def have_triggers(self, app_label: str, model_name: str) -> bool:
        """Return whether an operation adds a trigger to the model."""
        return any(
            isinstance(operation, AddTrigger) and operation.model_name_lower == model_name.lower()
            for (label, _), migration in self._disk.items()
            if label == app_label
            for operation in migration.operations
        )
