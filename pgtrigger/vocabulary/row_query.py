"""Django's query builder, over the old and the new row instead of tables, and its two new lookups.

https://docs.djangoproject.com/en/stable/ref/models/lookups/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from django.core.exceptions import (
    EmptyResultSet,
    FieldDoesNotExist,
    FieldError,
    FullResultSet,
)
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Expression, Func, RawSQL, Subquery, Window
from django.db.models.lookups import FieldGetDbPrepValueMixin, IsNull, Lookup
from django.db.models.sql import Query
from django.utils.tree import Node
from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import DeclarationError
from pgtrigger.vocabulary import comparison
from pgtrigger.vocabulary.columns import (
    INVALID_VALUE,
    NEW,
    OLD,
    ROW_VARIABLES,
    Rows,
    own_field,
    postgres_connection,
    reason_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Field, Model

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup

_NOT_OF_ONE_ROW = (Query, models.QuerySet, Subquery, models.Aggregate, Window)


class RowColumn(Expression):
    """A column of the old or the new row."""

    def __init__(self, side: str, field: Field[Any, Any], rows: Rows):
        super().__init__(output_field=field)
        self.side, self.rows = side, rows

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column = self.rows.column(self.side, self.output_field).as_string()
        # In Django's compiled SQL a "%" begins a placeholder.
        return column.replace("%", "%%"), ()

    def get_lookup(self, lookup: str) -> Any:
        return self.output_field.get_lookup(lookup)


class IsTrue(Expression):
    """A condition that is false where it would be NULL."""

    def __init__(self, condition: Any):
        super().__init__(output_field=models.BooleanField())
        self.condition = condition

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        text, params = compiler.compile(self.condition)
        return f"({text}) IS TRUE", params


class IsDistinctFrom(FieldGetDbPrepValueMixin, _Lookup):
    """The lookup ``df``."""

    lookup_name = "df"
    prepare_rhs = True
    operator: LiteralString = "IS DISTINCT FROM"
    is_negated = False
    can_use_none_as_rhs = True

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, models.Model):
            self.rhs = self.rhs.pk
        return super().get_prep_lookup()

    def process_rhs(self, compiler: Any, connection: Any) -> Any:
        # None means NULL for a JSON field too, which would turn it into the JSON null.
        return ("NULL", ()) if self.rhs is None else super().process_rhs(compiler, connection)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        rows = getattr(compiler.query, "rows", None)
        if rows is None or self.rhs is None:
            return f"{left} {self.operator} {right}", (*left_params, *right_params)
        values = [naming.bind(left, left_params), naming.bind(right, right_params)]
        condition = self._of_rows(rows, *map(sql.SQL, values))
        # In Django's compiled SQL a "%" begins a placeholder.
        return condition.as_string().replace("%", "%%"), ()

    def _of_rows(self, rows: Rows, left: sql.Composable, right: sql.Composable) -> sql.Composable:
        """Compare as a change is compared: see Note [What is a change]."""
        compared = comparison.comparison_of(self.lhs.output_field)
        by_operator = compared in comparison.BY_OPERATOR
        if by_operator and rows == ROW_VARIABLES:
            left, right = (comparison.operand(compared, each) for each in (left, right))
        elif by_operator or hasattr(self.rhs, "resolve_expression"):
            condition = comparison.distinct(compared, left, right)
            return sql.SQL("NOT ({})").format(condition) if self.is_negated else condition
        return sql.SQL("{} {} {}").format(left, sql.SQL(self.operator), right)


class IsNotDistinctFrom(IsDistinctFrom):
    """The lookup ``ndf``."""

    lookup_name = "ndf"
    operator = "IS NOT DISTINCT FROM"
    is_negated = True


class RowQuery(Query):
    """Django's query builder, over the old and the new row instead of tables."""

    def __init__(self, model: type[Model], rows: Rows):
        super().__init__(model)
        self.declared_on = model
        self.rows = rows
        self.columns: set[tuple[str, Field[Any, Any]]] = set()
        self.is_raw = False
        """Whether what was compiled has SQL that neither Django nor this engine wrote."""

    def condition(self, condition: models.Q) -> str:
        """A condition as SQL text."""
        for part in _parts(condition):
            if isinstance(part, _NOT_OF_ONE_ROW):
                raise DeclarationError(
                    "A trigger's condition sees one row and can run no query and no aggregate: "
                    f"found {type(part).__name__} on {self.declared_on._meta.label}. "
                    "Write the query in the trigger's function."
                )
        try:
            return self.compile(self.build_where(condition))
        except FullResultSet:
            return "true"
        except EmptyResultSet:
            return "false"
        except (FieldError, FieldDoesNotExist, *INVALID_VALUE) as error:
            if isinstance(error, DeclarationError) and not isinstance(error, FieldDoesNotExist):
                raise
            label = self.declared_on._meta.label
            raise DeclarationError(
                f"The condition {condition} on {label} cannot be compiled: {reason_of(error)}"
            ) from error

    def value(self, value: Any, field: Field[Any, Any]) -> str:
        """A value, or an expression over the rows, as SQL text that fits the field."""
        if not hasattr(value, "resolve_expression"):
            value = models.Value(value, output_field=field)
        return self.compile(value.resolve_expression(self, allow_joins=False, for_save=True))

    def compile(self, node: Any) -> str:
        connection = postgres_connection()
        self.is_raw = self.is_raw or any(map(_is_raw, _parts(node)))
        compiler = self.get_compiler(connection=connection)
        text, params = compiler.compile(node)
        return naming.bind(text, params)

    def solve_lookup_type(self, lookup: str, summarize: bool = False) -> Any:
        """Split ``old__field__transform__lookup`` (Django asks this of every path)."""
        column, rest = self._column(lookup)
        return rest or ["exact"], (), column

    def build_filter(self, filter_expr: Any, *args: Any, **kwargs: Any) -> Any:
        """A lookup, or a tree of them (Django asks this of every part of a condition).

        As in a filter, ``~Q(old__a=1)`` is true where the column is NULL; Django sees to that for
        columns of tables only.
        """
        if isinstance(filter_expr, tuple):
            _reject_text_as_list(*filter_expr)
        clause, joins = super().build_filter(filter_expr, *args, **kwargs)
        if kwargs.get("current_negated") and not isinstance(filter_expr, models.Q):
            children: list[Any] = [
                IsTrue(lookup) if _may_be_unknown(lookup) else lookup for lookup in clause.children
            ]
            clause.children = children
        return clause, joins

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
        self.columns.add((side, field))
        return RowColumn(side, field, self.rows), transforms

    def _within_relation(self, field: Field[Any, Any], transforms: list[str]) -> list[str]:
        """Return the rest of a path after the key of the related row, which this row has."""
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


def _reject_text_as_list(path: str, value: Any) -> None:
    """Django would take a text as the list of its characters."""
    if path.endswith(f"{LOOKUP_SEP}in") and isinstance(value, str):
        raise DeclarationError(
            f'"{path}" takes a list of values: found {value!r}. Write [{value!r}] for one value.'
        )


def split_side(path: str) -> tuple[str, str]:
    """``("old", "name")`` of ``"old__name"``."""
    side, separator, rest = path.partition(LOOKUP_SEP)
    if side not in (OLD, NEW) or not separator or not rest:
        raise DeclarationError(
            f'"{path}" names no row: it must start with "old{LOOKUP_SEP}" or "new{LOOKUP_SEP}".'
        )
    return side, rest


def _is_raw(part: Any) -> bool:
    module = type(part).__module__
    is_expression = hasattr(part, "as_sql")
    return isinstance(part, RawSQL) or (
        is_expression
        and (type(part) is Func or not module.startswith(("django.db.models.", "pgtrigger.")))
    )


def _may_be_unknown(lookup: Any) -> bool:
    """Return whether it may be NULL instead of true or false."""
    return not isinstance(lookup, IsNull | IsDistinctFrom) and not all(
        isinstance(part, RowColumn) and not part.output_field.null
        for part in lookup.get_source_expressions()
    )


def _parts(value: Any) -> Iterator[Any]:
    """A tree of conditions, expressions and values, before Django resolves it."""
    yield value
    parts: Any
    if isinstance(value, Node):
        parts = value.children
    elif isinstance(value, list | tuple):
        parts = value
    elif isinstance(value, IsTrue):
        parts = [value.condition]
    else:
        parts = getattr(value, "get_source_expressions", tuple)()
    for part in parts:
        yield from _parts(part)
