"""Compare two values of a column, by its type. ``docs/equality.md`` is the user's page.

Note [What is a change]. Two rules hold for every type: texts are compared by their bytes, and a
save of an unchanged object is not a change. PostgreSQL's ``=`` breaks both rules: for a collation
or citext, different texts may be equal, and types such as json do not have ``=``. So each type is
compared in one of the ways of ``Comparison``.

Note [Operators by name]. WHEN of CREATE TRIGGER is resolved once, when the trigger is created. A
function looks up operators by name each time it is planned, in the ``search_path`` of the session,
and IS DISTINCT FROM cannot name the schema of its operator. So a function compares with
``OPERATOR(pg_catalog.=)``, or with functions of ``pg_catalog`` that find the type's own equality.

https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON
https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Any, LiteralString

from psycopg import sql

from pgtrigger.vocabulary.columns import NEW, OLD, ROW_VARIABLES, postgres_connection

if TYPE_CHECKING:
    from django.db.models import Field

    from pgtrigger.vocabulary.columns import Rows


class Comparison(enum.Enum):
    """The way in which two values of a type are compared."""

    VALUE = "with the type's ="
    BYTES = "as text, by its bytes"
    ARRAY_OF_BYTES = "as texts, each by its bytes"
    IMAGE = "as they are stored"
    JSON = "as jsonb"
    TEXT = "as the text that PostgreSQL prints"


def comparison_of(field: Field[Any, Any]) -> Comparison:
    """Return how values of the field's column are compared.

    Whether a collation is deterministic is not known here: text with its own collation, and text
    of tables that Django does not create, is compared by its bytes.
    """
    parameters = field.db_parameters(postgres_connection())
    base, is_array = _base_type(str(parameters["type"]))
    if base in _TEXT:
        model = getattr(field, "model", None)
        has_own_collation = parameters.get("collation") or base == "citext"
        is_of_django = model is None or model._meta.managed
        if is_of_django and not has_own_collation:
            return Comparison.VALUE
        return Comparison.ARRAY_OF_BYTES if is_array else Comparison.BYTES
    if base in _BY_VALUE:
        return Comparison.VALUE
    if is_array:
        return Comparison.TEXT
    return _OTHERS.get(base, Comparison.TEXT)


def has_equality(field: Field[Any, Any]) -> bool:
    """Return whether values can be compared with a constant."""
    base, _ = _base_type(str(field.db_parameters(postgres_connection())["type"]))
    return base not in _WITHOUT_EQUALITY


def changed(rows: Rows, field: Field[Any, Any]) -> sql.Composable:
    """Return the condition that the field's value differs between the old and the new row.

    It is true or false, never NULL. For ``ROW_VARIABLES`` it is written for WHEN, otherwise for a
    function: see Note [Operators by name].
    """
    if rows == ROW_VARIABLES:
        return changed_in_when(field)
    return changed_in_function(rows, field)


def unchanged(rows: Rows, field: Field[Any, Any]) -> sql.Composable:
    """Return the condition that the field's value is the same in the old and the new row."""
    if rows == ROW_VARIABLES and comparison_of(field) in BY_OPERATOR:
        return sql.SQL("{} IS NOT DISTINCT FROM ({})").format(*_operands(rows, field))
    return sql.SQL("NOT ({})").format(changed(rows, field))


def changed_in_when(field: Field[Any, Any]) -> sql.Composable:
    """Return ``changed`` for the WHEN clause of a row-level trigger."""
    if comparison_of(field) in BY_OPERATOR:
        return sql.SQL("{} IS DISTINCT FROM ({})").format(*_operands(ROW_VARIABLES, field))
    return changed_in_function(ROW_VARIABLES, field)


def changed_in_function(rows: Rows, field: Field[Any, Any]) -> sql.Composable:
    """Return ``changed`` for a function that may run with any ``search_path``."""
    return distinct(comparison_of(field), rows.column(OLD, field), rows.column(NEW, field))


def row_changed(rows: Rows) -> sql.Composable:
    """Return the condition that any column differs, if all are compared by value."""
    old, new = sql.SQL(rows.old), sql.SQL(rows.new)
    if rows == ROW_VARIABLES:
        return sql.SQL("{}.* IS DISTINCT FROM {}.*").format(old, new)
    return sql.SQL("pg_catalog.record_ne({}.*, {}.*)").format(old, new)


def row_unchanged(rows: Rows) -> sql.Composable:
    """Return the condition that no column differs, if all are compared by value."""
    old, new = sql.SQL(rows.old), sql.SQL(rows.new)
    if rows == ROW_VARIABLES:
        return sql.SQL("{}.* IS NOT DISTINCT FROM {}.*").format(old, new)
    return sql.SQL("pg_catalog.record_eq({}.*, {}.*)").format(old, new)


def distinct(comparison: Comparison, left: sql.Composable, right: sql.Composable) -> sql.Composable:
    """Return the condition that two values of one type differ. NULL is a value.

    Every operator and function in it is of ``pg_catalog``.
    """
    if comparison in BY_OPERATOR:
        left, right = operand(comparison, left), operand(comparison, right)
        return _DISTINCT.format(left=left, right=right)
    stored = _IMAGES_DIFFER.format(left=left, right=right)
    if comparison is Comparison.IMAGE:
        return stored
    if comparison is Comparison.JSON:
        return _JSON_DIFFERS.format(
            stored=stored,
            left=left,
            right=right,
            parsed=_DISTINCT.format(left=_cast(left, "jsonb"), right=_cast(right, "jsonb")),
        )
    printed = [operand(Comparison.BYTES, each) for each in (left, right)]
    return sql.SQL("({} AND {})").format(
        stored, _DISTINCT.format(left=printed[0], right=printed[1])
    )


def operand(comparison: Comparison, value: sql.Composable) -> sql.Composable:
    """Return the value in the form that is compared with ``=``."""
    if comparison is Comparison.VALUE:
        return value
    type_ = "text[]" if comparison is Comparison.ARRAY_OF_BYTES else "text"
    return sql.SQL('({} COLLATE pg_catalog."C")').format(_cast(value, type_))


def _operands(rows: Rows, field: Field[Any, Any]) -> list[sql.Composable]:
    comparison = comparison_of(field)
    return [operand(comparison, rows.column(side, field)) for side in (OLD, NEW)]


def _cast(value: sql.Composable, type_: LiteralString) -> sql.Composable:
    return sql.SQL("{}::pg_catalog.{}").format(value, sql.SQL(type_))


def _base_type(db_type: str) -> tuple[str, bool]:
    """Return ``("varchar", True)`` of ``varchar(10)[]``."""
    name, *dimensions = _LENGTH.sub("", db_type).split("[")
    return " ".join(name.lower().removeprefix("pg_catalog.").split()), bool(dimensions)


_LENGTH = re.compile(r"\([^)]*\)")

BY_OPERATOR = {Comparison.VALUE, Comparison.BYTES, Comparison.ARRAY_OF_BYTES}

# Not char(n): "=" ignores blanks at its end.
_TEXT = frozenset({"text", "varchar", "character varying", "name", "citext"})

_BY_VALUE = frozenset(
    {
        *("smallint", "integer", "int", "bigint", "int2", "int4", "int8", "boolean", "bool"),
        *("smallserial", "serial", "bigserial", "oid"),
        *("numeric", "decimal", "real", "double precision", "float", "float4", "float8", "money"),
        *("date", "time", "timetz", "timestamp", "timestamptz", "interval"),
        *("time without time zone", "time with time zone"),
        *("timestamp without time zone", "timestamp with time zone"),
        *("uuid", "bytea", "jsonb", "bit", "bit varying", "varbit"),
        *("inet", "cidr", "macaddr", "macaddr8", "pg_lsn", "xid8", "tsvector", "tsquery"),
        *("int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange"),
        *("int4multirange", "int8multirange", "nummultirange", "datemultirange"),
        *("tsmultirange", "tstzmultirange"),
    }
)

# For geometric types, "=" compares areas, lengths or numbers of points, if it exists at all.
# https://www.postgresql.org/docs/current/functions-geometry.html
_OTHERS = {
    "json": Comparison.JSON,
    **dict.fromkeys(
        (
            *("char", "character", "bpchar", "xml"),
            *("point", "line", "lseg", "box", "path", "polygon", "circle"),
        ),
        Comparison.IMAGE,
    ),
}

_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "polygon", "jsonpath"})

_DISTINCT = sql.SQL(
    "(({left} OPERATOR(pg_catalog.=) {right}) IS NOT TRUE"
    " AND ({left} IS NOT NULL OR {right} IS NOT NULL))"
)

_IMAGES_DIFFER = sql.SQL("pg_catalog.record_image_ne(ROW({left}), ROW({right}))")

# jsonb has neither \u0000 nor numbers beyond numeric, so values with these differ by their text.
# https://www.postgresql.org/docs/current/datatype-json.html
_JSON_DIFFERS = sql.SQL(
    "({stored} AND CASE WHEN pg_catalog.concat({left}, ' ', {right})"
    r" OPERATOR(pg_catalog.~) '[\\]u0000|[eE][+]?[0-9]{{5}}' THEN true ELSE {parsed} END)"
)
