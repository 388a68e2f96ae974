"""Conditions on the old and the new row, rendered from a tree for the rows they are given.

In a row-level trigger the rows are ``OLD`` and ``NEW``; in a statement-level one they are rows of
transition tables.

https://www.postgresql.org/docs/current/sql-createtrigger.html (WHEN)
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.db import models
from psycopg import sql

from pgtrigger.errors import DeclarationError
from pgtrigger.vocabulary import comparison
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    ROW_VARIABLES,
    Rows,
    columns_of,
    own_field,
)
from pgtrigger.vocabulary.deconstruction import documented_path
from pgtrigger.vocabulary.row_query import RowQuery, split_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Field, Model


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

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        return documented_path(type(self)), [], {"sql": self.sql}

    def resolve(self, model: type[Model]) -> str:
        """The condition as a row-level trigger has it."""
        return self.render(model, ROW_VARIABLES)

    def render(self, model: type[Model], rows: Rows) -> str:
        """The condition on these rows, as SQL text."""
        if rows == ROW_VARIABLES:
            return self.sql
        if not rows.for_text:
            raise DeclarationError(
                f"Condition({self.sql!r}) is SQL on the rows OLD and NEW, which a function at "
                "statement level does not have. Write it with pgtrigger.Q, or use "
                "level=pgtrigger.Row."
            )
        tables = [
            sql.SQL("(SELECT {}.*) AS {}").format(sql.SQL(rows.alias(side)), sql.Identifier(side))
            for side in rows.for_text
        ]
        return (
            sql.SQL("(SELECT ({}) FROM {})")
            .format(sql.SQL(self.sql), sql.SQL(", ").join(tables))
            .as_string()
        )

    def columns(self, model: type[Model]) -> set[tuple[str, Field[Any, Any]]]:
        """Return the columns that it reads, by ``"old"`` and ``"new"``; raw SQL is not parsed."""
        return set()

    def over(self, fields: Sequence[str]) -> Condition:
        """Return the condition with these fields in the parts that compare fields and name none."""
        return self

    def sides(self, model: type[Model]) -> set[str]:
        """Return the sides that it reads: ``"old"``, ``"new"`` or both."""
        return {side for side, _ in self.columns(model)}

    def is_raw(self, model: type[Model]) -> bool:
        """Return whether it has SQL that neither Django nor this engine wrote."""
        return True

    def is_text(self) -> bool:
        """Return whether it has SQL of a user that may name the rows OLD and NEW."""
        return True

    def __and__(self, other: Any) -> Condition:
        return _Combined("AND", self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: Any) -> Condition:
        return _Combined("OR", self, other) if isinstance(other, Condition) else NotImplemented

    def __invert__(self) -> Condition:
        return _Not(self)

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

    def columns(self, model: type[Model]) -> set[tuple[str, Field[Any, Any]]]:
        return set().union(*(condition.columns(model) for condition in self.conditions))

    def over(self, fields: Sequence[str]) -> Condition:
        return _Combined(self.connector, *(each.over(fields) for each in self.conditions))

    def is_raw(self, model: type[Model]) -> bool:
        return any(condition.is_raw(model) for condition in self.conditions)

    def is_text(self) -> bool:
        return any(condition.is_text() for condition in self.conditions)

    def __invert__(self) -> Condition:
        # A Q must be negated separately: Django knows which of its columns may be NULL.
        other = {"AND": "OR", "OR": "AND"}[self.connector]
        return _Combined(other, *(~condition for condition in self.conditions))


class _Negation(Condition):
    """A condition that negates another one, and reads the same columns."""

    def __init__(self, condition: Condition):
        self.condition = condition

    def over(self, fields: Sequence[str]) -> Condition:
        return type(self)(self.condition.over(fields))

    def columns(self, model: type[Model]) -> set[tuple[str, Field[Any, Any]]]:
        return self.condition.columns(model)

    def is_raw(self, model: type[Model]) -> bool:
        return self.condition.is_raw(model)

    def is_text(self) -> bool:
        return self.condition.is_text()


class _Not(_Negation):
    """True where the condition is false."""

    def render(self, model: type[Model], rows: Rows) -> str:
        return f"NOT ({self.condition.render(model, rows)})"


class NotTrue(_Negation):
    """True where the condition is false and where it is NULL."""

    def render(self, model: type[Model], rows: Rows) -> str:
        return f"({self.condition.render(model, rows)}) IS NOT TRUE"


def conjuncts(condition: Condition) -> list[Condition]:
    """Return the conditions that must all be true for this one to be true."""
    if isinstance(condition, _Combined) and condition.connector == "AND":
        return [part for each in condition.conditions for part in conjuncts(each)]
    if isinstance(condition, Q) and condition.connector == Q.AND and not condition.negated:
        if len(condition.children) == 1 and not isinstance(condition.children[0], models.Q):
            return [condition]
        return [part for child in condition.children for part in conjuncts(_as_q(child))]
    return [condition]


def of_side(condition: models.Q, side: str) -> Q:
    """Return a condition on a model's fields, such as ``Q(status="issued")``, on one row's."""

    def move(child: Any) -> Any:
        if isinstance(child, models.Q):
            return of_side(child, side)
        if not isinstance(child, tuple):
            raise DeclarationError(
                f"A condition of a rule compares fields with values: found {child!r}."
            )
        path, value = child
        if isinstance(value, models.F):
            value = F(f"{side}__{vars(value)['name']}")
        return f"{side}__{path}", value

    return Q(
        *map(move, condition.children), _connector=condition.connector, _negated=condition.negated
    )


def _as_q(child: Any) -> Q:
    if isinstance(child, Q):
        return child
    if isinstance(child, models.Q):
        return Q(*child.children, _connector=child.connector, _negated=child.negated)
    return Q(child)


class F(models.F):
    """A field of the old or the new row: ``F("old__name")``."""

    name: str

    def __init__(self, name: str):
        split_side(name)
        super().__init__(name)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        return documented_path(type(self)), [self.name], {}

    @property
    def resolved_name(self) -> str:
        """The column as a row-level trigger has it, with the field's name for its column."""
        side, name = split_side(self.name)
        row = sql.SQL(ROW_VARIABLES.alias(side))
        return sql.SQL("{}.{}").format(row, sql.Identifier(name)).as_string()


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

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        _, args, kwargs = models.Q.deconstruct(self)
        return documented_path(type(self)), args, kwargs

    __eq__ = models.Q.__eq__
    __hash__ = models.Q.__hash__
    __repr__ = models.Q.__repr__

    def render(self, model: type[Model], rows: Rows) -> str:
        return RowQuery(model, rows).condition(self)

    def columns(self, model: type[Model]) -> set[tuple[str, Field[Any, Any]]]:
        query = RowQuery(model, ROW_VARIABLES)
        query.condition(self)
        return query.columns

    def is_raw(self, model: type[Model]) -> bool:
        query = RowQuery(model, ROW_VARIABLES)
        query.condition(self)
        return query.is_raw

    def is_text(self) -> bool:
        return False


class _FieldsCondition(Condition):
    """A condition that compares fields of the old row with those of the new one.

    With no fields it compares every column.
    """

    changes: ClassVar[bool]
    connector: ClassVar[str]

    def __init__(
        self, *fields: str, exclude: Iterable[str] | None = None, exclude_auto: bool | None = None
    ):
        self.fields = fields
        self.exclude = tuple(exclude or ())
        self.exclude_auto = bool(exclude_auto)

    def over(self, fields: Sequence[str]) -> Condition:
        if self.fields:
            return self
        chosen = copy.copy(self)
        chosen.fields = tuple(fields)
        return chosen

    def columns(self, model: type[Model]) -> set[tuple[str, Field[Any, Any]]]:
        compared = self.compared_fields(model) or columns_of(model)
        return {(side, field) for side in (OLD, NEW) for field in compared}

    def render(self, model: type[Model], rows: Rows) -> str:
        compared = self.compared_fields(model)
        if compared is None:
            whole = comparison.row_changed if self.changes else comparison.row_unchanged
            return whole(rows).as_string()
        of_field = comparison.changed if self.changes else comparison.unchanged
        comparisons = [of_field(rows, field) for field in compared]
        text = sql.SQL(f" {self.connector} ").join(comparisons).as_string()
        return f"({text})" if len(comparisons) > 1 else text

    def is_text(self) -> bool:
        return False

    def is_raw(self, model: type[Model]) -> bool:
        return False

    def compared_fields(self, model: type[Model]) -> list[Field[Any, Any]] | None:
        """Return the fields, sorted by name; None if whole rows can be compared.

        Generated columns are left out: they change only with the columns they are computed from,
        and in a BEFORE trigger they are not computed yet.
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
        elif self._is_about_whole_row and own == columns_of(model) and _all_by_value(own):
            return None
        else:
            compared = own
        if not compared:
            raise DeclarationError(f"{self!r} leaves no field of {model._meta.label} to compare.")
        return sorted(set(compared), key=lambda field: field.name)

    @property
    def _is_about_whole_row(self) -> bool:
        return self.changes == (self.connector == "OR")


class AnyChange(_FieldsCondition):
    """At least one of the fields changes."""

    changes, connector = True, "OR"


class AnyDontChange(_FieldsCondition):
    """At least one of the fields does not change."""

    changes, connector = False, "OR"


class AllChange(_FieldsCondition):
    """All of the fields change."""

    changes, connector = True, "AND"


class AllDontChange(_FieldsCondition):
    """No field changes."""

    changes, connector = False, "AND"


def _all_by_value(fields: Iterable[Field[Any, Any]]) -> bool:
    value = comparison.Comparison.VALUE
    return all(comparison.comparison_of(field) is value for field in fields)


def _is_automatic(field: Field[Any, Any]) -> bool:
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))
