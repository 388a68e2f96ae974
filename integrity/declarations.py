"""The declarations of a model: its table, its columns, and the unique ones among them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import connections, router
from django.db.backends.utils import split_identifier
from django.db.models import (
    BaseConstraint,
    CheckConstraint,
    Expression,
    F,
    Field,
    ForeignKey,
    Model,
    UniqueConstraint,
)
from django.db.models.constants import LOOKUP_SEP

# NAMEDATALEN - 1: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
LONGEST_NAME = 63


def truncated(name: str) -> str:
    """Return the name as PostgreSQL stores it: at most 63 bytes, of whole characters."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def kept(name: str) -> str:
    """Return the stored form of a name after Django's quoting and PostgreSQL's truncation."""
    return truncated(_without_quotes(name).replace('""', '"'))


def _without_quotes(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


# Note [The schema of a model]
# A model in another schema says so in its db_table, '"schema"."table"'. All others are found
# through search_path, which may change at run time (a schema per tenant), and cannot be asked for
# in a transaction that has failed. So a table that names no schema is taken for the model's in any
# schema, except where another model names that schema and table.


@dataclass(frozen=True)
class Table:
    """A table, and its schema if the model names one."""

    schema: str | None
    name: str

    def is_at(self, schema: str | None, name: str | None) -> bool:
        """Return whether the server's names mean this table. See Note [The schema of a model]."""
        if self.name != name:
            return False
        if self.schema is None:
            return Table(schema, name) not in _tables_that_name_their_schema()
        return self.schema == schema


def table_of(model: type[Model]) -> Table:
    schema, name = split_identifier(model._meta.db_table)
    return Table(kept(schema) or None, kept(name))


def _tables_that_name_their_schema() -> set[Table]:
    tables = map(table_of, apps.get_models(include_auto_created=True))
    return {table for table in tables if table.schema is not None}


def model_at(schema: str | None, name: str | None) -> type[Model] | None:
    """Return the model of a table; of several, the one that is not a proxy."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and table_of(model).is_at(schema, name):
            return model
    return None


class RuleCannotMatch(ValueError):
    """A rule about something that the model does not have, so that no error could ever match it."""


class NotAForeignKey(RuleCannotMatch):
    """The field is not a foreign key."""


class ModelHasNoPrimaryKey(RuleCannotMatch):
    """The model has no primary key: it is abstract."""


def name_of(model: type[Model]) -> str:
    return f"{model._meta.app_label}.{model.__name__}"


def require_table(model: type[Model]) -> None:
    if model._meta.abstract:
        raise RuleCannotMatch(
            f"{name_of(model)} is abstract and has no table; name a model that inherits from it."
        )


def fields_of(model: type[Model], names: Collection[str]) -> "list[Field[Any, Any]]":
    """The concrete fields of these names.

    Raises:
        FieldDoesNotExist: if the model has no such field.
        RuleCannotMatch: if one of them has no column.
    """
    require_table(model)
    if isinstance(names, str) or not names:
        raise RuleCannotMatch(f"Expected a tuple of field names, found {names!r}.")
    fields = []
    for name in names:
        field = model._meta.get_field(name)
        if not isinstance(field, Field) or field.column is None:
            raise RuleCannotMatch(f"{name_of(model)}.{name} has no column in the model's table.")
        fields.append(field)
    return fields


def foreign_key(model: type[Model], name: str) -> "ForeignKey[Any, Any]":
    """The foreign key of this name.

    Raises:
        FieldDoesNotExist: if the model has no such field.
        NotAForeignKey: if the field is not a foreign key.
    """
    field = model._meta.get_field(name)
    if not isinstance(field, ForeignKey):
        raise NotAForeignKey(
            f"{name_of(model)}.{name} is a {type(field).__name__}, not a foreign key. A"
            " many-to-many field's foreign keys belong to its `through` model."
        )
    return field


def column_of(field: "Field[Any, Any]") -> str:
    return kept(field.column or "")


def columns_of(fields: "Collection[Field[Any, Any]]") -> frozenset[str]:
    return frozenset(map(column_of, fields))


def primary_key(model: type[Model]) -> frozenset[str]:
    return columns_of(model._meta.pk_fields)


def uniques(model: type[Model]) -> Iterator[tuple[frozenset[str], str | None]]:
    """The columns of each unique constraint of the model's own table, and its name if declared."""
    meta = model._meta
    yield primary_key(model), None
    for field in meta.local_concrete_fields:
        if field.unique:
            yield columns_of([field]), None
    for together in meta.unique_together:
        yield columns_of(fields_of(model, together)), None
    for constraint in meta.constraints:
        if isinstance(constraint, UniqueConstraint):
            names = constraint.fields or tuple(_referenced(constraint.expressions))
            yield columns_of(fields_of(model, names)), kept(constraint.name)


def _referenced(expressions: Collection[object]) -> Iterator[str]:
    """The fields that expressions refer to."""
    for expression in expressions:
        if isinstance(expression, F):
            yield str(vars(expression)["name"]).split(LOOKUP_SEP)[0]
        elif isinstance(expression, Expression):
            yield from _referenced(expression.get_source_expressions())


def checks(model: type[Model]) -> set[str]:
    """The names of the model's checks, with those that PostgreSQL gives to a field's own check.

    A PositiveIntegerField brings such a check, which has no name in Django.
    """
    connection = connections[router.db_for_write(model)]
    table = table_of(model).name
    own = {
        truncated(f"{table}_{column_of(field)}_check")
        for field in model._meta.concrete_fields
        if field.db_check(connection)
    }
    return own | _named(model, CheckConstraint)


def exclusions(model: type[Model]) -> set[str]:
    return _named(model, ExclusionConstraint)


def _named(model: type[Model], kind: type[BaseConstraint]) -> set[str]:
    # Those of a proxy are its concrete model's: they share the table.
    constraints = (model._meta.concrete_model or model)._meta.constraints
    return {kept(constraint.name) for constraint in constraints if isinstance(constraint, kind)}
