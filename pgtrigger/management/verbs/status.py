"""The table that ``ls`` and ``check`` print: each trigger with its status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgtrigger import administration
from pgtrigger.database import catalog
from pgtrigger.management.verbs import output

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.core.management.base import BaseCommand

_STYLES = {
    catalog.OUTDATED: "WARNING",
    catalog.UNINSTALLED: "ERROR",
    catalog.PRUNE: "WARNING",
    catalog.UNALLOWED: "NOTICE",
}


def rows(uris: Sequence[str], database: str) -> list[dict[str, str]]:
    """Return a row for each trigger, the undeclared ones last."""
    declared, undeclared = administration.survey(*uris, database=database)
    return [
        *(_row(entry.status, entry.state, entry.uri, database) for entry in declared),
        *(
            _row(catalog.PRUNE, found.state, f"{found.table}:{found.pgid}", database)
            for found in (() if uris else undeclared)
        ),
    ]


def _row(status: str, enabled: str, uri: str, database: str) -> dict[str, str]:
    return {"status": status, "enabled": enabled, "uri": uri, "database": database}


def write(command: BaseCommand, rows: Iterable[dict[str, str]], format: str) -> None:
    """Write the rows as a table or as JSON."""
    rows = list(rows)
    if format == "json":
        output.write_json(command, rows)
        return
    widths = {
        column: max((len(row[column]) for row in rows), default=0)
        for column in ("status", "enabled")
    }
    widths = {column: max(width, len(column)) for column, width in widths.items()}
    header = "  ".join(column.upper().ljust(width) for column, width in widths.items())
    command.stdout.write(f"{header}  TRIGGER")
    for row in rows:
        status = _STYLES.get(row["status"], "SUCCESS")
        enabled = "SUCCESS" if row["enabled"] == "ENABLED" else "WARNING"
        command.stdout.write(
            f"{getattr(command.style, status)(row['status'].ljust(widths['status']))}  "
            f"{getattr(command.style, enabled)(row['enabled'].ljust(widths['enabled']))}  "
            f"{row['uri']}"
        )


def installed(uris: Sequence[str], database: str) -> list[str]:
    """Return the URIs of the declared triggers that are in the database."""
    found = administration.entries(*uris, database=database)
    return [entry.uri for entry in found if entry.installed]


def undeclared(database: str) -> list[str]:
    """Return the triggers that no model declares, as table:trigger."""
    return [f"{table}:{pgid}" for table, pgid, *_ in administration.prunable(database)]
