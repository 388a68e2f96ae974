"""The declared triggers and one database: install, uninstall, enable, disable, prune, compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections

from pgtrigger import catalog, conf, installation, registry
from pgtrigger.triggers import Undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model

    from pgtrigger.catalog import InstalledTrigger, Snapshot
    from pgtrigger.compiler import Trigger as CompiledTrigger
    from pgtrigger.triggers import Trigger

    Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Entry:
    """A declared trigger, and what the database has of it."""

    uri: str
    status: str
    enabled: bool | None
    compiled: CompiledTrigger
    installed: InstalledTrigger | None

    @property
    def state(self) -> str:
        """ENABLED, DISABLED, ALWAYS, REPLICA or N/A."""
        return self.installed.state if self.installed else "N/A"


def entries(*uris: str, database: str | None = None) -> list[Entry]:
    """Every declared trigger, or those of the URIs, compared with one query of the catalog."""
    snapshot: Snapshot | None = None
    found = []
    for model, trigger in registry.registered(*uris):
        compiled = trigger.compile(model)
        if not trigger.allow_migrate(model, database):
            status: tuple[str, bool | None] = (catalog.UNALLOWED, None)
            installed = None
        else:
            snapshot = snapshot or catalog.read(_connection(database))
            installed = snapshot.find(compiled.table, compiled.pgid)
            status = catalog.status(compiled, installed)
        found.append(Entry(trigger.get_uri(model), *status, compiled, installed))
    return found


def install(
    *uris: str,
    database: str | None = None,
    lock_timeout: int | None = None,
    progress: Progress | None = None,
) -> Undo:
    """Installs what is missing or outdated; without URIs, also prunes what nothing declares.

    ``lock_timeout`` is in milliseconds a table; ``progress(done, of, uri)`` hears of each change.
    """
    for uri, compiled in _each(_outdated(uris, database), progress):
        installation.install(compiled, _connection(database), lock_timeout=lock_timeout)
    if not uris and conf.prune_on_install():
        prune(database)
    return Undo(lambda: uninstall(*uris, database=database))


def uninstall(*uris: str, database: str | None = None, lock_timeout: int | None = None) -> Undo:
    """Drops the triggers and their functions; without URIs, also prunes."""
    for entry in entries(*uris, database=database):
        if entry.installed:
            installation.uninstall(
                entry.compiled, _connection(database), lock_timeout=lock_timeout
            )
    if not uris and conf.prune_on_install():
        prune(database)
    return Undo(lambda: install(*uris, database=database))


def enable(*uris: str, database: str | None = None) -> Undo:
    """Lets the triggers fire."""
    _each_allowed(uris, database, lambda model, trigger: trigger.enable(model, database))
    return Undo(lambda: disable(*uris, database=database))


def disable(*uris: str, database: str | None = None) -> Undo:
    """Keeps the triggers from firing, whoever writes."""
    _each_allowed(uris, database, lambda model, trigger: trigger.disable(model, database))
    return Undo(lambda: enable(*uris, database=database))


def prunable(database: str | None = None) -> list[tuple[str, str, bool, str]]:
    """``(table, pgid, enabled, database)`` of the engine's triggers that nothing declares."""
    alias = database or DEFAULT_DB_ALIAS
    return [
        (trigger.table, trigger.pgid, trigger.enabled, alias) for trigger in undeclared(database)
    ]


def undeclared(database: str | None = None) -> list[InstalledTrigger]:
    """The engine's triggers, on tables in ``search_path``, that nothing declares there."""
    if _connection(database).vendor != "postgresql":
        return []
    snapshot = catalog.read(_connection(database))
    declared = {
        id(snapshot.find(model._meta.db_table, trigger.get_pgid(model)))
        for model, trigger in registry.registered()
        if trigger.allow_migrate(model, database)
    }
    return [trigger for trigger in snapshot.visible() if id(trigger) not in declared]


def prune(database: str | None = None) -> None:
    """Drops the engine's triggers that nothing declares, and functions that no trigger calls."""
    connection = _connection(database)
    for trigger in undeclared(database):
        installation.prune(trigger, connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            installation.drop_functions(catalog.orphaned_functions(connection), cursor)


def plan(*uris: str, database: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """What ``install`` would run: each URI that needs it, with its statements."""
    for uri, compiled in _outdated(uris, database):
        yield uri, list(installation.changes(compiled, _connection(database)))


def _outdated(uris: tuple[str, ...], database: str | None) -> list[tuple[str, CompiledTrigger]]:
    return [
        (entry.uri, entry.compiled)
        for entry in entries(*uris, database=database)
        if entry.status in (catalog.UNINSTALLED, catalog.OUTDATED)
    ]


def _each(
    work: list[tuple[str, CompiledTrigger]], progress: Progress | None
) -> Iterator[tuple[str, CompiledTrigger]]:
    for number, (uri, compiled) in enumerate(work, 1):
        yield uri, compiled
        if progress:
            progress(number, len(work), uri)


def _each_allowed(
    uris: tuple[str, ...], database: str | None, act: Callable[[type[Model], Trigger], object]
) -> None:
    for model, trigger in registry.registered(*uris):
        if trigger.allow_migrate(model, database):
            act(model, trigger)


def _connection(database: str | None) -> Any:
    return connections[database or DEFAULT_DB_ALIAS]
