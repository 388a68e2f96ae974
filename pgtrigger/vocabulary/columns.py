"""The aliases of the old and the new row, and the columns they have."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql

from pgtrigger.errors import DeclarationError
from pgtrigger.sql.function_body import Operator
from pgtrigger.vocabulary import generated

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field, Model

OLD = "old"
NEW = "new"

# Types of PostgreSQL's own, by the names that Django's fields have for them.
# https://www.postgresql.org/docs/current/datatype.html
_BUILT_IN_NAMES = """
    bigint bigserial bit boolean box bytea char character cidr circle date daterange datemultirange
    decimal double inet int int4multirange int4range int8multirange int8range integer interval json
    jsonb line lseg macaddr macaddr8 money name numeric nummultirange numrange oid path pg_lsn point
    polygon real serial smallint smallserial text time timestamp timestamptz timetz tsmultirange
    tsquery tsrange tstzmultirange tstzrange tsvector uuid varbit varchar xid8 xml
"""
_BUILT_IN = frozenset(_BUILT_IN_NAMES.split())


@dataclass(frozen=True)
class Rows:
    """The names of the old and the new row where a condition is rendered.

    ``for_text`` are the rows that a user's SQL can be given as OLD and NEW in a statement that
    EXECUTE runs: in any other one, PL/pgSQL takes these names for its own variables.
    """

    old: str = "OLD"
    new: str = "NEW"
    for_text: tuple[str, ...] = ()

    def alias(self, side: str) -> str:
        return self.old if side == OLD else self.new

    def column(self, side: str, field: Field[Any, Any]) -> sql.Composable:
        """The column's value, as SQL; of a virtual generated column its expression."""
        return value_of(field, self.alias(side))


ROW_VARIABLES = Rows()
TRANSITION_TABLES = Rows("old_values", "new_values")


class UnknownField(DeclarationError, FieldDoesNotExist):
    """A field that the model does not have."""


def columns_of(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields that are columns of the model's own table, in its order."""
    concrete = model._meta.concrete_model or model
    return [field for field in concrete._meta.local_concrete_fields if field.column is not None]


def own_field(model: type[Model], name: str) -> Field[Any, Any]:
    """The field of that name (or attname, or ``pk``), which is a column of the model's table."""
    options = model._meta
    if name == "pk":
        name = options.pk.name if options.pk is not None else name
    own = columns_of(model)
    for field in own:
        if name in (field.name, field.attname):
            return field
    try:
        found = options.get_field(name)
    except FieldDoesNotExist:
        raise UnknownField(
            f"{options.label} has no field named {name!r}. "
            f"Its table has: {', '.join(sorted(field.name for field in own))}."
        ) from None
    if found.many_to_many:
        reason = "is a many-to-many field, which is a table of its own: put a trigger on that"
    elif getattr(found, "model", model)._meta.concrete_model is not options.concrete_model:
        reason = (
            f"is a column of the table of {found.model._meta.label}, its parent: declare it there"
        )
    else:
        reason = "has no single column in its table"
    raise DeclarationError(f"{options.label}.{name} {reason}.")


# How Django's fields reject a value.
INVALID_VALUE = (TypeError, ValueError, ValidationError)


def reason_of(error: Exception) -> str:
    """Return the text of an error; that of a ValidationError without its brackets."""
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def key_fields(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields of the primary key: one, or those of a composite one."""
    options = (model._meta.concrete_model or model)._meta
    return list(getattr(options, "pk_fields", None) or [options.pk])


def column_identifier(field: Field[Any, Any]) -> sql.Identifier:
    """The column of a field that has one."""
    return sql.Identifier(str(field.column))


def is_virtual(field: Field[Any, Any]) -> bool:
    """Return whether the column is generated when it is read, so that rows do not have it.

    https://www.postgresql.org/docs/current/ddl-generated-columns.html
    """
    return bool(getattr(field, "generated", False)) and not getattr(field, "db_persist", True)


def value_of(field: Field[Any, Any], alias: str) -> sql.Composable:
    """Return the field's value in a row that is called ``alias``.

    In the rows of triggers and transition tables virtual columns are NULL, so the expression that
    makes one is written in its place.
    """
    if is_virtual(field):
        return generated.expression(field, alias, postgres_connection())
    return _qualified(alias, str(field.column))


@functools.lru_cache(maxsize=4096)
def _qualified(alias: str, column: str) -> sql.Composable:
    """Return ``alias.column``, kept as text: one trigger may contain it many times."""
    composed = sql.SQL("{}.{}").format(sql.SQL(alias), sql.Identifier(column))
    return sql.SQL(composed.as_string())


def postgres_connection() -> BaseDatabaseWrapper:
    """Return one of the project's PostgreSQL connections, for its dialect; it need not be open."""
    aliases = [DEFAULT_DB_ALIAS, *connections]
    for alias in aliases:
        connection = connections[alias]
        if connection.vendor == "postgresql":
            return connection
    raise DeclarationError(
        "Triggers need a PostgreSQL database: settings.DATABASES has no such entry."
    )


def foreign_type(field: Field[Any, Any]) -> str | None:
    """The column's type if it is not one of PostgreSQL's own, such as citext."""
    db_type = str(field.db_type(postgres_connection()))
    name = db_type.partition("(")[0].removesuffix("[]").strip()
    return None if name.partition(" ")[0].lower() in _BUILT_IN else name


def equals(field: Field[Any, Any]) -> str | Operator:
    """The operator ``=`` of the column's type, qualified: see Note [Names in functions]."""
    foreign = foreign_type(field)
    return Operator("=", foreign) if foreign else "OPERATOR(pg_catalog.=)"
