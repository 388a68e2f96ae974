"""The declared triggers and one database: install, uninstall, enable, disable, prune, compare."""

from __future__ import annotations

import contextlib
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, transaction

from pgtrigger import compiler
from pgtrigger.compiler import Target
from pgtrigger.conf import settings
from pgtrigger.database import catalog, installation
from pgtrigger.database.installer import Installer, connection_to
from pgtrigger.triggers import historical, registry
from pgtrigger.triggers.trigger import Undo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger
    from pgtrigger.database.catalog import InstalledTrigger, Snapshot
    from pgtrigger.triggers.trigger import Trigger

    Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Entry:
    """A declared trigger, its installed form and its status."""

    uri: str
    status: str
    enabled: bool | None
    compiled: CompiledTrigger
    installed: InstalledTrigger | None

    @property
    def state(self) -> str:
        """ENABLED, DISABLED, ALWAYS, REPLICA or N/A."""
        return self.installed.state if self.installed else "N/A"

    @property
    def is_disabled(self) -> bool:
        """Return whether it is there and does not fire, because somebody disabled it."""
        return self.state in ("DISABLED", "REPLICA")


def survey(*uris: str, database: str | None = None) -> tuple[list[Entry], list[InstalledTrigger]]:
    """Compare declared and installed triggers, with one query of the catalog.

    Returns:
        Every declared trigger, or those of the URIs; and the engine's triggers, on tables in
        ``search_path``, that no model declares.
    """
    snapshot = _snapshot(database)
    return list(_compared(uris, snapshot, database)), _undeclared(snapshot, database)


def _compared(uris: tuple[str, ...], snapshot: Snapshot, database: str | None) -> Iterator[Entry]:
    """In a migration, look each URI up in its state first, and leave out unknown ones."""
    if not historical.is_running() or not uris:
        for model, trigger in registry.registered(*uris):
            yield _compare(model, trigger, snapshot, database)
        return
    for uri in uris:
        of_migration = historical.find(uri)
        if of_migration:
            yield _compare_historical(of_migration[-1], snapshot, database)
        else:
            with contextlib.suppress(KeyError):
                yield _compare(*registry.find(uri), snapshot, database)


def _snapshot(database: str | None) -> Snapshot:
    connection = connection_to(database)
    is_postgres = connection.vendor == "postgresql"
    return catalog.read(connection) if is_postgres else catalog.Snapshot(())


def _undeclared(snapshot: Snapshot, database: str | None) -> list[InstalledTrigger]:
    undeclared = {id(found): found for found in snapshot.visible()}
    for model, trigger in registry.registered():
        if trigger.allow_migrate(model, database):
            found = snapshot.find(model._meta.db_table, trigger.get_pgid(model))
            undeclared.pop(id(found), None)
    return list(undeclared.values())


def _compare(
    model: type[Model], trigger: Trigger, snapshot: Snapshot, database: str | None
) -> Entry:
    compiled = trigger.compile(model)
    installed = None
    status: tuple[str, bool | None] = (catalog.UNALLOWED, None)
    if trigger.allow_migrate(model, database):
        installed = snapshot.find(compiled.table, compiled.pgid)
        status = catalog.status(compiled, installed)
    return Entry(trigger.get_uri(model), *status, compiled, installed)


def _compare_historical(
    trigger: historical.HistoricalTrigger, snapshot: Snapshot, database: str | None
) -> Entry:
    compiled = trigger.compiled
    installed = None
    status: tuple[str, bool | None] = (catalog.UNALLOWED, None)
    is_postgres = connection_to(database).vendor == "postgresql"
    if is_postgres and trigger.allow_migrate(database or DEFAULT_DB_ALIAS):
        installed = snapshot.find(compiled.table, compiled.pgid)
        status = catalog.status(compiled, installed)
    return Entry(trigger.uri, *status, compiled, installed)


def entries(*uris: str, database: str | None = None) -> list[Entry]:
    """Return every declared trigger, or those of the URIs, with its installed form and status."""
    return survey(*uris, database=database)[0]


def install(
    *uris: str,
    database: str | None = None,
    lock_timeout: int | None = None,
    progress: Progress | None = None,
) -> Undo:
    """Install triggers that are missing or outdated; without URIs, also prune undeclared ones.

    Args:
        lock_timeout: how long a change waits for its table, in milliseconds.
        progress: is called with (done, of, uri) after each change.
    """
    installer = Installer.on(database, lock_timeout)
    for _, compiled in _each(_outdated(uris, database), progress):
        installer.install(compiled)
    if not uris and settings.prune_on_install:
        _prune(installer)
    return Undo(lambda: uninstall(*uris, database=database))


def uninstall(*uris: str, database: str | None = None, lock_timeout: int | None = None) -> Undo:
    """Drop the triggers and their functions; without URIs, also prune."""
    installer = Installer.on(database, lock_timeout)
    for entry in entries(*uris, database=database):
        if entry.installed:
            installer.uninstall(entry.compiled)
    if not uris and settings.prune_on_install:
        _prune(installer)
    return Undo(lambda: install(*uris, database=database))


def enable(*uris: str, database: str | None = None) -> Undo:
    """Let the triggers fire."""
    _alter(uris, database, Installer.enable)
    return Undo(lambda: disable(*uris, database=database))


def disable(*uris: str, database: str | None = None) -> Undo:
    """Keep the triggers from firing for any writer."""
    _alter(uris, database, Installer.disable)
    return Undo(lambda: enable(*uris, database=database))


def prunable(database: str | None = None) -> list[tuple[str, str, bool, str]]:
    """Return ``(table, pgid, enabled, database)`` of each trigger that no model declares."""
    alias = database or DEFAULT_DB_ALIAS
    return [
        (trigger.table, trigger.pgid, trigger.enabled, alias) for trigger in undeclared(database)
    ]


def undeclared(database: str | None = None) -> list[InstalledTrigger]:
    """Return the engine's triggers, on tables in ``search_path``, that no model declares."""
    return _undeclared(_snapshot(database), database)


def prune(database: str | None = None, lock_timeout: int | None = None) -> None:
    """Drop the engine's triggers that no model declares, and functions that no trigger calls.

    ``lock_timeout`` is how long a change waits for its table, in milliseconds.
    """
    _prune(Installer.on(database, lock_timeout))


def _prune(installer: Installer) -> None:
    connection = installer.connection
    for trigger in undeclared(connection.alias):
        installer.prune(trigger)
    if connection.vendor == "postgresql":
        installer.prune_functions()


def plan(*uris: str, database: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """Yield what ``install`` would run: each URI that needs it, with its statements."""
    for uri, compiled in _outdated(uris, database):
        yield uri, list(installation.changes(compiled, connection_to(database)))


def diff(*uris: str, database: str | None = None) -> Iterator[str]:
    """Yield the lines of a unified diff of the database's rendering now and after an install.

    The install is run and rolled back, because PostgreSQL renders a definition in another form
    than the declared SQL. A trigger that somebody disabled differs, too.
    """
    for uri, compiled in _outdated(uris, database):
        connection = connection_to(database)
        before = catalog.render(connection, compiled.table, compiled.pgid)
        with transaction.atomic(using=connection.alias):
            Installer(connection).install(compiled)
            after = catalog.render(connection, compiled.table, compiled.pgid)
            transaction.set_rollback(True, using=connection.alias)
        names = (f"{uri} in the database", f"{uri} as declared")
        yield from difflib.unified_diff(before, after, *names, lineterm="")
    for entry in entries(*uris, database=database):
        if entry.is_disabled and entry.installed is not None:
            target = Target(f'"{entry.installed.schema}"."{entry.installed.table}"')
            _, action = catalog.ENABLED_STATES[entry.installed.enabled_state]
            before, after = (
                [compiler.alter_trigger(entry.compiled.pgid, target, each)]
                for each in (action, "ENABLE TRIGGER")
            )
            names = (f"{entry.uri} in the database", f"{entry.uri} as declared")
            yield from difflib.unified_diff(before, after, *names, lineterm="")


def _outdated(uris: tuple[str, ...], database: str | None) -> list[tuple[str, CompiledTrigger]]:
    """Return the triggers to install; without URIs, only those on tables that exist."""
    found = [
        (entry.uri, entry.compiled)
        for entry in entries(*uris, database=database)
        if entry.status in (catalog.UNINSTALLED, catalog.OUTDATED)
    ]
    if uris or not found:
        return found
    tables = catalog.tables(connection_to(database), {compiled.table for _, compiled in found})
    return [(uri, compiled) for uri, compiled in found if compiled.table in tables]


def _each(
    work: list[tuple[str, CompiledTrigger]], progress: Progress | None
) -> Iterator[tuple[str, CompiledTrigger]]:
    for number, (uri, compiled) in enumerate(work, 1):
        yield uri, compiled
        if progress:
            progress(number, len(work), uri)


def _alter(
    uris: tuple[str, ...], database: str | None, alter: Callable[[Installer, CompiledTrigger], None]
) -> None:
    """Alter all of the triggers; raise LookupError, and alter none, if one is not installed."""
    installer = Installer.on(database)
    found = [e for e in entries(*uris, database=database) if e.status != catalog.UNALLOWED]
    for entry in found:
        if entry.installed is None:
            raise LookupError(
                f'Trigger "{entry.uri}" is not installed: run `manage.py pgtrigger install` first.'
            )
    with transaction.atomic(using=database):
        for entry in found:
            alter(installer, entry.compiled)
