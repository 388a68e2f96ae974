"""``constraints()``: when deferrable triggers fire.

https://www.postgresql.org/docs/current/sql-set-constraints.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog
from pgtrigger.session.databases import aliases
from pgtrigger.triggers import registry
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Iterable


def constraints(timing: clauses.Timing, *uris: str, databases: Iterable[str] | None = None) -> None:
    """Sets when deferrable triggers fire, for the rest of the transaction.

    Without URIs, all deferrable ones that are installed where ``search_path`` finds their tables;
    without databases, on those that are in a transaction.
    ValueError for a trigger that is not deferrable, RuntimeError outside a transaction.

    https://www.postgresql.org/docs/current/sql-set-constraints.html
    """
    if not isinstance(timing, clauses.Timing):
        raise ValueError(
            f"Invalid timing {timing!r}: expected pgtrigger.Immediate or pgtrigger.Deferred."
        )
    chosen = registry.registered(*uris)
    for model, trigger in chosen if uris else ():
        if not trigger.timing:
            raise ValueError(
                f'Trigger "{trigger.get_uri(model)}" is not deferrable: '
                "declare it with timing=pgtrigger.Immediate or timing=pgtrigger.Deferred."
            )
    for alias in _in_transaction(aliases(databases)):
        declared = [
            (model._meta.db_table, trigger.get_pgid(model))
            for model, trigger in chosen
            if trigger.timing and trigger.allow_migrate(model, alias)
        ]
        names = _named(declared) if uris else _installed(declared, alias)
        if names:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    sql.SQL("SET CONSTRAINTS {} {}").format(
                        sql.SQL(", ").join(names), sql.SQL(str(timing))
                    )
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
            f'Database "{missing[0]}" is not in a transaction, where alone SET CONSTRAINTS '
            "has an effect: call constraints() inside transaction.atomic()."
        )
    return found


def _named(declared: Iterable[tuple[str, str]]) -> list[sql.Identifier]:
    """The constraints of these tables and triggers, in the schema that a table's name says."""
    return [naming.table_identifier(pgid, naming.split_table(table)[0]) for table, pgid in declared]


def _installed(declared: Iterable[tuple[str, str]], alias: str) -> list[sql.Identifier]:
    """The constraints that are there of these tables and triggers."""
    snapshot = catalog.read(connections[alias])
    found = [snapshot.find(table, pgid) for table, pgid in declared]
    return [sql.Identifier(t.schema, t.pgid) for t in found if t and t.is_constraint]
