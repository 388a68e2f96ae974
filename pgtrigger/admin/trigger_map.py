"""Every trigger of the engine in the database, beside its declaration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections

from pgtrigger import administration
from pgtrigger.admin.firing import station_of
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from pgtrigger.database.catalog import InstalledTrigger
    from pgtrigger.triggers.trigger import Trigger


@dataclass(frozen=True)
class MapLine:
    """A line of the map.

    ``status`` and ``state`` are those of ``manage.py pgtrigger ls``. ``drift`` says what differs
    from the declaration, if anything does.
    """

    uri: str
    pgid: str
    label: str
    table: str
    fires: str
    operations: str
    status: str
    state: str
    drift: str = ""
    event_table: str = ""
    event_table_size: str = ""

    @property
    def kind(self) -> str:
        """The class of its status: good, bad or off."""
        if self.status != "INSTALLED":
            return "bad"
        return "off" if self.state == "DISABLED" else "good"


def trigger_map(search: str = "", database: str = DEFAULT_DB_ALIAS) -> list[MapLine]:
    """Return the entries in which each word of ``search`` occurs, in the order of their URIs."""
    declared = {trigger.get_uri(model): trigger for model, trigger in registry.registered()}
    sizes = _sizes({_event_table(trigger) for trigger in declared.values()}, database)
    entries, undeclared = administration.survey(database=database)
    found = [_declared(entry, declared[entry.uri], sizes) for entry in entries]
    found += [_undeclared(installed) for installed in undeclared]
    words = search.lower().split()
    return [
        entry
        for entry in sorted(found, key=lambda entry: entry.uri)
        if all(any(word in str(value).lower() for value in vars(entry).values()) for word in words)
    ]


def _declared(entry: administration.Entry, trigger: Trigger, sizes: dict[str, str]) -> MapLine:
    event_table = _event_table(trigger)
    return MapLine(
        uri=entry.uri,
        pgid=entry.compiled.pgid if entry.installed else "",
        label=entry.uri.partition(":")[0],
        table=entry.compiled.table,
        fires=station_of(trigger),
        operations=str(trigger.operation),
        status=entry.status,
        state=entry.state,
        drift=_drift(entry),
        event_table=event_table,
        event_table_size=sizes.get(event_table, ""),
    )


def _undeclared(installed: InstalledTrigger) -> MapLine:
    return MapLine(
        uri=f"{installed.table}:{installed.pgid}",
        pgid=installed.pgid,
        label="",
        table=installed.table,
        fires="",
        operations="",
        status="PRUNE",
        state=installed.state,
        drift="no declaration asks for it",
    )


def _drift(entry: administration.Entry) -> str:
    installed, declared = entry.installed, entry.compiled.sql
    if installed is None:
        return "it is not in the database" if entry.status == "UNINSTALLED" else ""
    differs = []
    if not installed.is_defined_as(declared):
        differs.append("the trigger")
    if not installed.does_as(declared):
        differs.append("the function")
    return f"{' and '.join(differs)} differs from the declaration" if differs else ""


def _event_table(trigger: Trigger) -> str:
    """Return the table into which the trigger writes events, if it does."""
    event_model = getattr(trigger, "event_model", None)
    return str(event_model._meta.db_table) if event_model else ""


def _sizes(tables: set[str], database: str) -> dict[str, str]:
    """Return the size of each table with its indexes, such as ``48 kB``."""
    connection = connections[database]
    names = [connection.ops.quote_name(table) for table in sorted(tables) if table]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class"
            " WHERE oid = ANY (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)",
            [names],
        )
        return dict(cursor.fetchall())
