"""Compare the numbers that ``Count`` and ``Sum`` keep with the rows, and repair them.

While a number is repaired, the table that is counted is locked against writes.

https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg import sql

from pgtrigger import naming
from pgtrigger.triggers import registry
from pgtrigger.triggers.aggregates import Aggregate
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, TRANSITION_TABLES, column_identifier

if TYPE_CHECKING:
    from django.db.models import Model


@dataclass(frozen=True)
class Difference:
    """A parent row whose number is wrong."""

    key: Any
    stored: Any
    counted: Any


def aggregates(*uris: str) -> list[tuple[type[Model], Aggregate]]:
    """Return the rules of these URIs, or all. Raise LookupError if one is not such a rule."""
    found = []
    for model, trigger in [registry.find(uri) for uri in uris] or registry.registered():
        if isinstance(trigger, Aggregate) and trigger.operation == clauses.Insert:
            found.append((model, trigger))
        elif uris:
            raise LookupError(f'"{trigger.get_uri(model)}" is not a Count or a Sum.')
    return found


def differences(
    model: type[Model], rule: Aggregate, database: str | None = None
) -> list[Difference]:
    """Return the parents whose number differs from their rows, in the order of their keys."""
    return [Difference(*row) for row in _execute(_compare(model, rule), database)]


def repair(model: type[Model], rule: Aggregate, database: str | None = None) -> list[Difference]:
    """Set each wrong number to what is counted. Return what was wrong."""
    key, target = rule.fields(model)
    lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
        naming.table_identifier(model._meta.db_table)
    )
    update = sql.SQL("UPDATE {} AS parent SET {} = %s WHERE parent.{} = %s").format(
        naming.table_identifier(key.related_model._meta.db_table),
        column_identifier(target),
        column_identifier(key.target_field),
    )
    with transaction.atomic(using=database or DEFAULT_DB_ALIAS):
        _execute(lock, database)
        found = differences(model, rule, database)
        with connections[database or DEFAULT_DB_ALIAS].cursor() as cursor:
            for difference in found:
                cursor.execute(update.as_string(), [difference.counted, difference.key])
    return found


def _compare(model: type[Model], rule: Aggregate) -> sql.Composable:
    key, target = rule.fields(model)
    return sql.SQL(
        "SELECT parent.{key}, parent.{number}, COALESCE(counted.value, 0)\n"
        "FROM {parents} AS parent LEFT JOIN (\n"
        "SELECT {reference} AS parent, pg_catalog.sum({value}) AS value\n"
        "FROM {rows} AS {alias} WHERE {condition} GROUP BY 1\n"
        ") AS counted ON counted.parent = parent.{key}\n"
        "WHERE parent.{number} <> COALESCE(counted.value, 0) ORDER BY 1"
    ).format(
        key=column_identifier(key.target_field),
        number=column_identifier(target),
        parents=naming.table_identifier(key.related_model._meta.db_table),
        reference=TRANSITION_TABLES.column(NEW, key),
        value=rule.value(model, NEW),
        rows=naming.table_identifier(model._meta.db_table),
        alias=sql.SQL(TRANSITION_TABLES.new),
        condition=rule.condition_of(model, NEW),
    )


def _execute(statement: sql.Composable, database: str | None) -> list[Any]:
    with connections[database or DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement.as_string())
        return cursor.fetchall() if cursor.description else []
