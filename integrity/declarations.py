"""The declarations of a model: its columns, and the unique ones among them."""

from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import connections, router
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

from .tables import kept, table_of, truncated


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
