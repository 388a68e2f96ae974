"""``constraints()``: when deferrable triggers fire.

https://www.postgresql.org/docs/current/sql-set-constraints.html
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog
from pgtrigger.session.databases import aliases
from pgtrigger.triggers import historical, registry
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model

    from pgtrigger.triggers.trigger import Trigger


def constraints(timing: clauses.Timing, *uris: str, databases: Iterable[str] | None = None) -> None:
    """Set when deferrable triggers fire, for the rest of the transaction.

    Args:
        uris: the triggers; by default all deferrable ones on tables that ``search_path`` finds.
        databases: their databases; by default those that are in a transaction.

    Raises:
        ValueError: a trigger is not deferrable.
        RuntimeError: there is no transaction.
        KeyError: a URI is unknown. In a migration, whose rules may no longer exist, an unknown
            URI is left out.

    https://www.postgresql.org/docs/current/sql-set-constraints.html
    """
    if not isinstance(timing, clauses.Timing):
        raise ValueError(
            f"Invalid timing {timing!r}: expected pgtrigger.Immediate or pgtrigger.Deferred."
        )
    chosen = _chosen(uris)
    for found in chosen if uris else ():
        if not found.deferrable:
            raise ValueError(
                f'Trigger "{found.uri}" is not deferrable: '
                "declare it with timing=pgtrigger.Immediate or timing=pgtrigger.Deferred."
            )
    for alias in _in_transaction(aliases(databases)):
        deferrable = [
            (found.table, found.pgid)
            for found in chosen
            if found.deferrable and found.allow_migrate(alias)
        ]
        by_name = uris and not historical.is_running()
        names = _named(deferrable) if by_name else _installed(deferrable, alias)
        if names:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    sql.SQL("SET CONSTRAINTS {} {}").format(
                        sql.SQL(", ").join(names), sql.SQL(str(timing))
                    )
                )


@dataclass(frozen=True)
class _Chosen:
    """A trigger whose timing is to be set."""

    uri: str
    table: str
    pgid: str
    deferrable: bool
    allow_migrate: Callable[[str], bool]


def _chosen(uris: tuple[str, ...]) -> list[_Chosen]:
    """Return the triggers of the URIs, or all; in a migration, those of its state come first."""
    if not uris:
        return [*map(_historical, historical.triggers()), *map(_declared, registry.registered())]
    found = []
    for uri in uris:
        of_migration = [_historical(trigger) for trigger in historical.find(uri)]
        try:
            found += of_migration or [_declared(registry.find(uri))]
        except KeyError:
            if not historical.is_running():
                raise
    return found


def _declared(registered: tuple[type[Model], Trigger]) -> _Chosen:
    model, trigger = registered
    return _Chosen(
        trigger.get_uri(model),
        model._meta.db_table,
        trigger.get_pgid(model),
        bool(trigger.timing),
        functools.partial(trigger.allow_migrate, model),
    )


def _historical(trigger: historical.HistoricalTrigger) -> _Chosen:
    compiled = trigger.compiled
    return _Chosen(
        trigger.uri, compiled.table, compiled.pgid, bool(compiled.sql.timing), trigger.allow_migrate
    )


def _in_transaction(databases: frozenset[str] | None) -> list[str]:
    """These databases, which must all be in a transaction, or those that are; at least one."""
    found = [
        alias
        for alias in (connections if databases is None else databases)
        if connections[alias].vendor == "postgresql" and connections[alias].in_atomic_block
    ]
    missing = sorted((databases or {"default"}) - set(found))
    if not found or (databases and missing):
        raise RuntimeError(
            f'Database "{missing[0]}" is not in a transaction, so SET CONSTRAINTS would '
            "have no effect: call constraints() inside transaction.atomic()."
        )
    return found


def _named(declared: Iterable[tuple[str, str]]) -> list[sql.Identifier]:
    """Return the constraints of these tables and triggers, in the schema that the table names."""
    return [naming.table_identifier(pgid, naming.split_table(table)[0]) for table, pgid in declared]


def _installed(wanted: Iterable[tuple[str, str]], alias: str) -> list[sql.Identifier]:
    """Return the installed constraints of these tables and triggers.

    In a migration a table may have another name than when its trigger was compiled.
    """
    wanted = set(wanted)
    snapshot = catalog.read(connections[alias])
    found = [snapshot.find(table, pgid) for table, pgid in wanted]
    if historical.is_running():
        names = {pgid for _, pgid in wanted}
        found += [trigger for trigger in snapshot.visible() if trigger.pgid in names]
    constraints = {(t.schema, t.pgid) for t in found if t and t.is_constraint}
    return [sql.Identifier(*name) for name in sorted(constraints)]
