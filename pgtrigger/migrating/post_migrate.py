"""Triggers on tables that no migration makes: ``migrate`` ends by installing them.

Those are the tables of apps without migrations (``migrate --run-syncdb``, ``pytest
--no-migrations``) and the many-to-many tables that Django makes by itself.

https://docs.djangoproject.com/en/stable/ref/signals/#post-migrate
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.migrations.loader import MigrationLoader

from pgtrigger import administration, conf
from pgtrigger.database import catalog, installation
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

    from pgtrigger.database.catalog import InstalledTrigger
    from pgtrigger.triggers.trigger import Trigger


def install_unmigrated(using: str, **kwargs: Any) -> None:
    """Installs those of one database, or all that are declared where the setting asks for it."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return
    everything = conf.install_on_migrate()
    migrated_apps = _migrated_apps()
    wanted = [
        (model, trigger)
        for model, trigger in registry.registered()
        if trigger.allow_migrate(model, using)
        and (everything or model._meta.auto_created or model._meta.app_label not in migrated_apps)
    ]
    existing = catalog.tables(connection, {model._meta.db_table for model, _ in wanted})
    uris = [t.get_uri(model) for model, t in wanted if model._meta.db_table in existing]
    if uris:
        administration.install(*uris, database=using)
    if not conf.prune_on_install():
        return
    if everything:
        administration.prune(using)
        return
    for trigger in _replaced(wanted, administration.undeclared(using), migrated_apps):
        installation.prune(trigger, connection)


def _replaced(
    wanted: Iterable[tuple[type[Model], Trigger]],
    undeclared: Iterable[InstalledTrigger],
    migrated_apps: set[str],
) -> list[InstalledTrigger]:
    """What no migration will remove, though nothing declares it any more.

    A trigger of a many-to-many table is named after the model, so one of the same name is declared
    when that model was renamed. Others on such a table may be a proxy's, which has migrations.
    """
    names = {(model._meta.db_table, str(trigger.name).lower()) for model, trigger in wanted}
    found = []
    for trigger in undeclared:
        model_label, _, name = trigger.uri.partition(":")
        app_label = model_label.partition(".")[0]
        is_replaced = (trigger.table, name.lower()) in names
        if name and (app_label not in migrated_apps or is_replaced):
            found.append(trigger)
    return found


def _migrated_apps() -> set[str]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return set(loader.migrated_apps)
