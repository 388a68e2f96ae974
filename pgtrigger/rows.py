"""Columns of the old and the new row, and Django's query builder over them.

https://docs.djangoproject.com/en/stable/ref/models/lookups/
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Expression
from django.db.models.lookups import FieldGetDbPrepValueMixin, Lookup
from django.db.models.sql import Query
from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field, Model

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

OLD = "old"
NEW = "new"


@dataclass(frozen=True)
class Rows:
    """What the old and the new row are called where a condition is rendered."""

    old: str = "OLD"
    new: str = "NEW"

    def alias(self, side: str) -> str:
        return self.old if side == OLD else self.new

    def column(self, side: str, field: Field[Any, Any]) -> sql.Composable:
        return sql.SQL("{}.{}").format(sql.SQL(self.alias(side)), column_identifier(field))


ROW_VARIABLES = Rows()
TRANSITION_TABLES = Rows("old_values", "new_values")


class UnknownField(DeclarationError, FieldDoesNotExist):
    """A field that the model does not have."""


class IsDistinctFrom(FieldGetDbPrepValueMixin, _Lookup):
    """The lookup ``df``."""

    lookup_name = "df"
    prepare_rhs = True
    operator = sql.SQL("IS DISTINCT FROM")
    can_use_none_as_rhs = True

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, models.Model):
            self.rhs = self.rhs.pk
        return super().get_prep_lookup()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} {naming.as_text(self.operator)} {right}", (*left_params, *right_params)


class IsNotDistinctFrom(IsDistinctFrom):
    """The lookup ``ndf``."""

    lookup_name = "ndf"
    operator = sql.SQL("IS NOT DISTINCT FROM")


class RowColumn(Expression):
    """A column of the old or the new row."""

    def __init__(self, side: str, field: Field[Any, Any], rows: Rows):
        super().__init__(output_field=field)
        self.side, self.rows = side, rows

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column = naming.as_text(self.rows.column(self.side, self.output_field))
        # In Django's compiled SQL a "%" begins a placeholder.
        return column.replace("%", "%%"), ()

    def get_lookup(self, lookup: str) -> Any:
        return self.output_field.get_lookup(lookup)


class RowQuery(Query):
    """Django's query builder, over the old and the new row instead of tables."""

    def __init__(self, model: type[Model], rows: Rows):
        super().__init__(model)
        self.declared_on = model
        self.rows = rows
        self.sides: set[str] = set()

    def condition(self, condition: models.Q) -> str:
        """A condition as SQL text."""
        try:
            where = self.build_where(condition)
        except (FieldError, FieldDoesNotExist, TypeError) as error:
            label = self.declared_on._meta.label
            raise DeclarationError(
                f"The condition {condition} on {label} cannot be compiled: {error}"
            ) from error
        return self.compile(where)

    def value(self, value: Any, field: Field[Any, Any]) -> str:
        """A value, or an expression over the rows, as SQL text that fits the field."""
        if not hasattr(value, "resolve_expression"):
            value = models.Value(value, output_field=field)
        return self.compile(value.resolve_expression(self, allow_joins=False, for_save=True))

    def compile(self, node: Any) -> str:
        connection = postgres_connection()
        compiler = self.get_compiler(connection=connection)
        text, params = compiler.compile(node)
        return bind(text, params)

    def solve_lookup_type(self, lookup: str, summarize: bool = False) -> Any:
        """Splits ``old__field__transform__lookup`` (Django asks this of every path)."""
        column, rest = self._column(lookup)
        return rest or ["exact"], (), column

    def resolve_lookup_value(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """The right-hand side of a lookup (Django asks this of every value)."""
        if isinstance(getattr(value, "query", value), Query):
            raise DeclarationError(
                "A trigger's condition sees one row and can run no query: "
                f"found {type(value).__name__} on {self.declared_on._meta.label}. "
                "Write the query in the trigger's function."
            )
        return super().resolve_lookup_value(value, *args, **kwargs)

    def resolve_ref(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The expression that ``F(name)`` stands for."""
        column, transforms = self._column(name)
        resolved: Any = column
        for transform in transforms:
            resolved = self.try_transform(resolved, transform)
        return resolved

    def _column(self, path: str) -> tuple[RowColumn, list[str]]:
        side, rest = split_side(path)
        name, *transforms = rest.split(LOOKUP_SEP)
        field = own_field(self.declared_on, name)
        if field.is_relation and transforms:
            transforms = self._within_relation(field, transforms)
        self.sides.add(side)
        return RowColumn(side, field, self.rows), transforms

    def _within_relation(self, field: Field[Any, Any], transforms: list[str]) -> list[str]:
        """What is left of a path once the key of the related row, which this row has, is taken."""
        first, *rest = transforms
        target: Any = getattr(field, "target_field", None)
        if target is not None and first in ("pk", target.name, target.attname):
            return rest
        if field.get_lookup(first) is None and first not in ("df", "ndf"):
            raise DeclarationError(
                f'"{field.name}{LOOKUP_SEP}{first}" follows a relation, but a trigger sees one row '
                f"of {self.declared_on._meta.label} and no other table. "
                f'Compare "{field.name}" itself, or copy the column you need into this table.'
            )
        return transforms


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


def key_fields(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields of the primary key: one, or those of a composite one."""
    options = (model._meta.concrete_model or model)._meta
    return list(getattr(options, "pk_fields", None) or [options.pk])


def column_identifier(field: Field[Any, Any]) -> sql.Identifier:
    """The column of a field that has one."""
    return sql.Identifier(str(field.column))


def split_side(path: str) -> tuple[str, str]:
    """``("old", "name")`` of ``"old__name"``."""
    side, separator, rest = path.partition(LOOKUP_SEP)
    if side not in (OLD, NEW) or not separator or not rest:
        raise DeclarationError(
            f'"{path}" names no row: it must start with "old{LOOKUP_SEP}" or "new{LOOKUP_SEP}".'
        )
    return side, rest


def bind(text: str, params: Sequence[Any]) -> str:
    """Compiled SQL with its parameters as literals.

    DDL takes no parameters, so they are put in the way the driver's client-side binding does it:
    the text's ``%s`` are Django's own, its ``%%`` stand for one ``%``.
    """
    return text % tuple(naming.as_text(sql.Literal(_plain(param))) for param in params)


def postgres_connection() -> BaseDatabaseWrapper:
    """Any of the project's PostgreSQL connections, for its dialect; it need not be open."""
    aliases = [DEFAULT_DB_ALIAS, *connections]
    for alias in aliases:
        if connections[alias].vendor == "postgresql":
            return connections[alias]
    raise DeclarationError("Triggers need a PostgreSQL database: settings.DATABASES has none.")


def _plain(param: Any) -> Any:
    return param.value if isinstance(param, enum.Enum) else param
