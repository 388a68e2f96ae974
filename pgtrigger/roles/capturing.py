"""Triggers that write, as the caller, to tables that only triggers should write.

The application may only read such a table, such as one of events. A trigger that writes it has to
run as the owner, otherwise the application's own write fails.

https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgtrigger.database import catalog

if TYPE_CHECKING:
    from pgtrigger.roles.objects import GrantedRelation, Objects

REMEDY = (
    "Set PGHISTORY_DEFINER = True for events, or security='DEFINER' for a trigger that is not "
    "pghistory's, and run makemigrations and migrate."
)


@dataclass(frozen=True)
class WriteAsCaller:
    """A table whose triggers write to ``targets`` with the privileges of the role that writes."""

    table: str
    targets: tuple[GrantedRelation, ...]

    def __str__(self) -> str:
        names = ", ".join(each.label for each in self.targets)
        return (
            f"A write of {self.table} fails with permission denied for {names}: its triggers "
            f"write there as the application, which may only read. {REMEDY}"
        )


def written_as_caller(connection: Any, found: Objects) -> list[WriteAsCaller]:
    """Return the tables whose triggers write to protected tables as the caller."""
    protected = [each for each in found.tables if each.is_written_by_triggers]
    as_owner = {(each.schema, each.name) for each in found.functions if each.is_definer}
    targets: dict[str, dict[GrantedRelation, None]] = {}
    for trigger in catalog.read(connection).triggers:
        if (trigger.function_schema, trigger.function) not in as_owner:
            for each in protected:
                if f"INSERT INTO {each.identifier.as_string()} " in trigger.function_source:
                    targets.setdefault(f"{trigger.schema}.{trigger.table}", {})[each] = None
    return [WriteAsCaller(table, tuple(found)) for table, found in targets.items()]
