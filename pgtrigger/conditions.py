"""Conditions on the old and the new row, rendered from a tree for the rows they are given.

In a row-level trigger the rows are ``OLD`` and ``NEW``; in a statement-level one they are rows of
transition tables. Django compiles the lookups, transforms and expressions; what is added here is a
column of either row.

https://www.postgresql.org/docs/current/sql-createtrigger.html (WHEN)
https://docs.djangoproject.com/en/stable/ref/models/lookups/
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

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
    from collections.abc import Iterable, Sequence

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


class Condition:
    """A condition in SQL, passed through as it is; the base of all others.

    Conditions combine with ``&``, ``|`` and ``~`` in any order.
    """

    def __init__(self, sql: str | None = None):
        if sql is not None:
            self.sql = sql
        if not getattr(self, "sql", None):
            raise DeclarationError("Condition needs the SQL of a condition: found none.")

    sql: str

    def resolve(self, model: type[Model]) -> str:
        """The condition as a row-level trigger has it."""
        return self.render(model, ROW_VARIABLES)

    def render(self, model: type[Model], rows: Rows) -> str:
        """The condition on these rows, as SQL text."""
        if rows != ROW_VARIABLES:
            raise DeclarationError(
                f"Condition({self.sql!r}) is SQL on the rows OLD and NEW, which a statement-level "
                "trigger does not have. Write it with pgtrigger.Q, or use level=pgtrigger.Row."
            )
        return self.sql

    def sides(self, model: type[Model]) -> set[str]:
        """Which of ``"old"`` and ``"new"`` it reads; SQL of the user's own is not read."""
        return set()

    def __and__(self, other: Any) -> Condition:
        return _Combined("AND", self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: Any) -> Condition:
        return _Combined("OR", self, other) if isinstance(other, Condition) else NotImplemented

    def __invert__(self) -> Condition:
        return _Prefixed("NOT", self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({arguments})"


class _Combined(Condition):
    def __init__(self, connector: str, *conditions: Condition):
        self.connector = connector
        self.conditions = conditions

    def render(self, model: type[Model], rows: Rows) -> str:
        rendered = [f"({condition.render(model, rows)})" for condition in self.conditions]
        return f" {self.connector} ".join(rendered)

    def sides(self, model: type[Model]) -> set[str]:
        return set().union(*(condition.sides(model) for condition in self.conditions))


class _Prefixed(Condition):
    def __init__(self, operator: str, condition: Condition):
        self.operator = operator
        self.condition = condition

    def render(self, model: type[Model], rows: Rows) -> str:
        return f"{self.operator} ({self.condition.render(model, rows)})"

    def sides(self, model: type[Model]) -> set[str]:
        return self.condition.sides(model)


class NotTrue(Condition):
    """True where the condition is false and where it is NULL."""

    def __init__(self, condition: Condition):
        self.condition = condition

    def render(self, model: type[Model], rows: Rows) -> str:
        return f"({self.condition.render(model, rows)}) IS NOT TRUE"

    def sides(self, model: type[Model]) -> set[str]:
        return self.condition.sides(model)


class F(models.F):
    """A field of the old or the new row: ``F("old__name")``."""

    name: str

    @property
    def resolved_name(self) -> str:
        """The column as a row-level trigger has it, with the field's name for its column."""
        side, name = split_side(self.name)
        row = sql.SQL(ROW_VARIABLES.alias(side))
        return naming.as_text(sql.SQL("{}.{}").format(row, sql.Identifier(name)))


class Q(models.Q, Condition):
    """A condition in Django's terms: ``Q(old__name__df=F("new__name"))``.

    Every path begins with ``old__`` or ``new__``. Besides Django's lookups there are ``df``
    (IS DISTINCT FROM) and ``ndf`` (IS NOT DISTINCT FROM), which treat NULL as a value.
    """

    def __and__(self, other: Any) -> Any:
        return (
            super().__and__(other)
            if isinstance(other, models.Q)
            else Condition.__and__(self, other)
        )

    def __or__(self, other: Any) -> Any:
        return (
            super().__or__(other) if isinstance(other, models.Q) else Condition.__or__(self, other)
        )

    def __invert__(self) -> Q:
        return cast("Q", models.Q.__invert__(self))

    __eq__ = models.Q.__eq__
    __hash__ = models.Q.__hash__
    __repr__ = models.Q.__repr__

    def render(self, model: type[Model], rows: Rows) -> str:
        return RowQuery(model, rows).condition(self)

    def sides(self, model: type[Model]) -> set[str]:
        query = RowQuery(model, ROW_VARIABLES)
        query.condition(self)
        return query.sides


class _FieldsCondition(Condition):
    """A condition that compares fields of the old row with those of the new one.

    With no fields it compares every column.
    """

    operator: ClassVar[str]
    connector: ClassVar[str]
    whole_row: ClassVar[bool]

    def __init__(
        self, *fields: str, exclude: Iterable[str] | None = None, exclude_auto: bool | None = None
    ):
        self.fields = fields
        self.exclude = tuple(exclude or ())
        self.exclude_auto = bool(exclude_auto)

    def sides(self, model: type[Model]) -> set[str]:
        return {OLD, NEW}

    def render(self, model: type[Model], rows: Rows) -> str:
        compared = self.compared_fields(model)
        if compared is None:
            return f"{rows.old}.* {self.operator} {rows.new}.*"
        comparisons = [
            sql.SQL("{} {} ({})").format(
                rows.column(OLD, field),
                sql.SQL(self.operator),
                rows.column(NEW, field),
            )
            for field in compared
        ]
        text = naming.as_text(sql.SQL(f" {self.connector} ").join(comparisons))
        return f"({text})" if len(comparisons) > 1 else text

    def compared_fields(self, model: type[Model]) -> list[Field[Any, Any]] | None:
        """The fields, sorted by name, or None where rows can be compared whole.

        A generated column has no new value yet in a BEFORE trigger, and changes only with the
        columns it is made from, so it is not among them.
        """
        own = [field for field in columns_of(model) if not getattr(field, "generated", False)]
        if self.fields or self.exclude or self.exclude_auto:
            named = [own_field(model, name) for name in self.fields] or own
            excluded = {own_field(model, name).name for name in self.exclude}
            compared = [
                field
                for field in named
                if field.name not in excluded and not (self.exclude_auto and _is_automatic(field))
            ]
        elif self.whole_row and len(own) == len(columns_of(model)):
            return None
        else:
            compared = own
        if not compared:
            raise DeclarationError(f"{self!r} leaves no field of {model._meta.label} to compare.")
        return sorted(set(compared), key=lambda field: field.name)


class AnyChange(_FieldsCondition):
    """At least one of the fields changes."""

    operator, connector, whole_row = "IS DISTINCT FROM", "OR", True


class AnyDontChange(_FieldsCondition):
    """At least one of the fields does not change."""

    operator, connector, whole_row = "IS NOT DISTINCT FROM", "OR", False


class AllChange(_FieldsCondition):
    """All of the fields change."""

    operator, connector, whole_row = "IS DISTINCT FROM", "AND", False


class AllDontChange(_FieldsCondition):
    """None of the fields changes."""

    operator, connector, whole_row = "IS NOT DISTINCT FROM", "AND", True


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


class UnknownField(DeclarationError, FieldDoesNotExist):
    """A field that the model does not have."""


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


def _is_automatic(field: Field[Any, Any]) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
