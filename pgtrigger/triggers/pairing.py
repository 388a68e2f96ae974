"""Join the transition tables of an UPDATE: each old row with the new row that it became.

Note [Pairing]. An update may change keys, even exchange them, but PostgreSQL fills both tables in
the same order: the nth old row became the nth new one. Numbering the rows costs half as much as the
join itself, so if the keys have the same order in both tables, the rows are joined by key, with the
same result. The keys are compared as arrays, which need memory, so this is done only for short keys
and up to a million rows.

Note [Statement plans]. PL/pgSQL keeps the plan of a statement, and a query over transition tables
has no parameters, so the plan for a one-row save (a nested loop) would also serve a later update of
8,000 rows on the same connection. So there are two paths: one row is compared without a join, and
more rows are joined by a statement that EXECUTE plans each time. The planner does not know that a
row number is unique, expects millions of rows, and would compile the join just in time, which takes
longer than the join: so the function turns JIT compilation off.

https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from pgtrigger.sql.function_body import Body
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    column_identifier,
    columns_of,
    is_virtual,
    key_fields,
    postgres_connection,
)

if TYPE_CHECKING:
    from django.db.models import Model

    from pgtrigger.vocabulary.columns import Rows

PLAN_SETTINGS = {"jit": "off"}
COMPARED_KEYS = 1_000_000
_SHORT_KEYS = frozenset({"smallint", "integer", "bigint", "uuid"})


class Pairs(NamedTuple):
    """FROM clauses with each updated row's old row beside its new one: of one row, or of many."""

    one: sql.Composable
    by_key: sql.Composable
    by_ordinal: sql.Composable


def pairs(model: type[Model], rows: Rows) -> Pairs:
    """Return the FROM clauses over these transition tables."""
    one = sql.SQL("{}, {}").format(sql.SQL(rows.old), sql.SQL(rows.new))
    return Pairs(one, _by_key(model, rows), _by_ordinal(model, rows))


def choose(model: type[Model], rows: Rows, one: Body, by_key: Body, by_ordinal: Body) -> Body:
    """Return statements that run the first of these that fits the updated rows.

    Args:
        one: A statement on ``Pairs.one``.
        by_key: A statement on ``Pairs.by_key``, by EXECUTE.
        by_ordinal: A statement on ``Pairs.by_ordinal``, by EXECUTE.
    """
    if_keys_stay = Body("\nELSIF ", _keys_stay(model, rows), " THEN\n    ", by_key)
    return Body(
        f"PERFORM 1 FROM {rows.new} OFFSET 1 LIMIT 1;\nIF NOT FOUND THEN\n    ",
        one,
        if_keys_stay if _are_keys_short(model) else "",
        "\nELSE\n    ",
        by_ordinal,
        "\nEND IF;",
    )


def _are_keys_short(model: type[Model]) -> bool:
    """Return whether the keys are short; false for unmanaged models, whose keys may repeat."""
    connection = postgres_connection()
    return model._meta.managed and all(
        field.db_type(connection) in _SHORT_KEYS for field in key_fields(model)
    )


def _keys_stay(model: type[Model], rows: Rows) -> sql.Composable:
    limit, more = sql.Literal(COMPARED_KEYS), sql.Literal(COMPARED_KEYS + 1)
    return sql.SQL(" AND ").join(
        sql.SQL("{} OPERATOR(pg_catalog.=) {}").format(
            *(
                _COMPARED.format(
                    key=column_identifier(field), table=sql.SQL(table), limit=limit, more=more
                )
                for table in (rows.old, rows.new)
            )
        )
        for field in key_fields(model)
    )


_COMPARED = sql.SQL(
    """(
        SELECT pg_catalog.array_agg({key})
        FROM (SELECT {key} FROM {table} LIMIT {more}) AS keys
        HAVING pg_catalog.count(*) OPERATOR(pg_catalog.<=) {limit}
    )"""
)


def _by_key(model: type[Model], rows: Rows) -> sql.Composable:
    """The keys are short, so their types are PostgreSQL's own."""
    same_key = [
        sql.SQL("{} OPERATOR(pg_catalog.=) {}").format(
            rows.column(OLD, field), rows.column(NEW, field)
        )
        for field in key_fields(model)
    ]
    return sql.SQL("{} JOIN {} ON {}").format(
        sql.SQL(rows.old), sql.SQL(rows.new), sql.SQL(" AND ").join(same_key)
    )


def _by_ordinal(model: type[Model], rows: Rows) -> sql.Composable:
    stored = [field for field in columns_of(model) if not is_virtual(field)]
    columns = sql.SQL(", ").join(map(column_identifier, stored))
    numbered = [
        sql.SQL(
            "(SELECT {}, pg_catalog.row_number() OVER () AS pgtrigger_ordinal FROM {}) AS {}"
        ).format(columns, table, table)
        for table in (sql.SQL(rows.old), sql.SQL(rows.new))
    ]
    return sql.SQL(
        "{} JOIN {} ON {}.pgtrigger_ordinal OPERATOR(pg_catalog.=) {}.pgtrigger_ordinal"
    ).format(*numbered, sql.SQL(rows.old), sql.SQL(rows.new))
