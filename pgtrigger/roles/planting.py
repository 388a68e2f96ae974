"""Objects that hide PostgreSQL's own: what a role could create to change what a function does.

Each raises an error if it is used. See Note [Names in functions] of ``sql.function_body``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MESSAGE = "A planted object was used"

TYPES = ("bool", "int4", "int8", "jsonb", "numeric", "regconfig", "text", "timestamptz", "uuid")
COMPARED = (
    *("bool", "bytea", "date", "float8", "int2", "int4", "int8", "interval", "jsonb", "name"),
    *("numeric", "record", "text", "_text", "_int4", "_int8", "timestamp", "timestamptz", "uuid"),
    *("_uuid", "varchar"),
)
OPERATORS = ("=", "<>", "<", ">", "<=", ">=")
OTHER_OPERATORS = (
    ("jsonb", "||", "jsonb"),
    ("text", "||", "text"),
    ("text", "~~", "text"),
    ("text", "~", "text"),
    ("jsonb", "@>", "jsonb"),
    ("int4", "+", "int4"),
    ("int8", "+", "int8"),
    ("int8", "-", "int8"),
    ("numeric", "+", "numeric"),
    ("numeric", "-", "numeric"),
)
FUNCTIONS = (
    "array_agg(anynonarray)",
    "array_remove(anycompatiblearray, anycompatible)",
    "clock_timestamp()",
    "concat(VARIADIC pg_catalog.text[])",
    "current_setting(pg_catalog.text, pg_catalog.bool)",
    "format(pg_catalog.text, VARIADIC pg_catalog.text[])",
    "json_build_object(VARIADIC pg_catalog.text[])",
    "now()",
    "set_config(pg_catalog.text, pg_catalog.text, pg_catalog.bool)",
    "strpos(pg_catalog.text, pg_catalog.text)",
    "sum(pg_catalog.int8)",
    "to_tsvector(pg_catalog.regconfig, pg_catalog.text)",
    "upper(pg_catalog.text)",
)


def operators_and_functions(schema: str) -> Iterator[str]:
    """The statements that create a schema with operators and functions."""
    name = sql.Identifier(schema)
    yield _text(sql.SQL("CREATE SCHEMA {}").format(name))
    yield _text(sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(name))
    for type_ in COMPARED:
        for operator in OPERATORS:
            yield from _operator(schema, type_, operator, type_)
    for left, operator, right in OTHER_OPERATORS:
        yield from _operator(schema, left, operator, right)
    for signature in FUNCTIONS:
        function, _, arguments = signature.partition("(")
        result = {"strpos": "int4"}.get(function, "text")
        body = sql.Literal(f"BEGIN RAISE EXCEPTION '{MESSAGE}: function {function}'; END")
        yield _text(
            sql.SQL("CREATE FUNCTION {}({}) RETURNS pg_catalog.{} LANGUAGE plpgsql AS {}").format(
                sql.Identifier(schema, function),
                sql.SQL(arguments.removesuffix(")")),
                sql.SQL(result),
                body,
            )
        )


def types_and_tables(tables: Iterable[str]) -> Iterator[str]:
    """The statements that create types and tables in pg_temp, where they are found first."""
    yield _text(
        sql.SQL(
            "CREATE FUNCTION pg_temp.pgtrigger_planted(pg_catalog.text) RETURNS pg_catalog.bool "
            "LANGUAGE plpgsql AS {}"
        ).format(sql.Literal(f"BEGIN RAISE EXCEPTION '{MESSAGE}: a type'; END"))
    )
    for name in TYPES:
        yield _text(
            sql.SQL(
                "CREATE DOMAIN pg_temp.{} AS pg_catalog.{} "
                "CHECK (pg_temp.pgtrigger_planted(VALUE::pg_catalog.text))"
            ).format(sql.Identifier(name), sql.Identifier(name))
        )
    yield "CREATE TYPE pg_temp.record AS (planted pg_catalog.int4)"
    for name in tables:
        yield _text(
            sql.SQL("CREATE TEMPORARY TABLE {} (planted pg_catalog.int4)").format(
                sql.Identifier(name)
            )
        )


def _operator(schema: str, left: str, operator: str, right: str) -> Iterator[str]:
    is_comparison = operator in OPERATORS or operator in ("~", "~~", "@>")
    result = "bool" if is_comparison else left
    # record is a pseudo-type: only SQL functions of the server take it
    if left == "record":
        return
    function = f"planted_{left}_{OPERATOR_NAMES[operator]}"
    body = sql.Literal(f"BEGIN RAISE EXCEPTION '{MESSAGE}: operator {operator} of {left}'; END")
    yield _text(
        sql.SQL(
            "CREATE FUNCTION {}(pg_catalog.{}, pg_catalog.{}) RETURNS pg_catalog.{} "
            "LANGUAGE plpgsql AS {}"
        ).format(
            sql.Identifier(schema, function),
            *(sql.Identifier(each) for each in (left, right, result)),
            body,
        )
    )
    yield _text(
        sql.SQL(
            "CREATE OPERATOR {}.{} (LEFTARG = pg_catalog.{}, RIGHTARG = pg_catalog.{}, "
            "FUNCTION = {})"
        ).format(
            sql.Identifier(schema),
            sql.SQL(operator),
            sql.Identifier(left),
            sql.Identifier(right),
            sql.Identifier(schema, function),
        )
    )


OPERATOR_NAMES = {
    **{"=": "eq", "<>": "ne", "<": "lt", ">": "gt", "<=": "le", ">=": "ge"},
    **{"||": "concat", "~~": "like", "~": "match", "@>": "contains", "+": "plus", "-": "minus"},
}


def _text(composed: sql.Composable) -> str:
    return composed.as_string()
