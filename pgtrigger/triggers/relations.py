"""Foreign keys that rules follow: to the row they refer to, or to the group of rows they form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from psycopg import sql

from pgtrigger.sql.function_body import Body
from pgtrigger.vocabulary.columns import Rows, column_identifier, equals, own_field

if TYPE_CHECKING:
    from django.db.models import Field, Model

# The name of a row that a function reads from a table.
STORED = Rows(new="stored")


def foreign_key(rule: Any, model: type[Model], name: str) -> models.ForeignKey[Any, Any]:
    """Return the foreign key of that name. Raise DeclarationError if it is not one."""
    field: Any = own_field(model, name)
    if not isinstance(field, models.ForeignKey):
        rule._reject(f"{model._meta.label}.{field.name} is not a foreign key")
    found: models.ForeignKey[Any, Any] = field
    return found


def not_updated_hint(table: str) -> str:
    """Return the hint of a rule that must update a row of another table, and could not."""
    return (
        f"A row of {table} is not there yet, row-level security hides it from this role, "
        "or one of its triggers suppresses the update."
    )


def has_value(
    field: Field[Any, Any], value: sql.Composable, alias: str = "stored", column: str = ""
) -> Body:
    """Return the condition that the column of a row equals a value, by its type's operator."""
    name = sql.Identifier(column) if column else column_identifier(field)
    named = sql.SQL("{}.{} ").format(sql.SQL(alias), name)
    return Body(named, equals(field), sql.SQL(" {}").format(value))
