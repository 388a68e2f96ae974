"""The words of ``CREATE TRIGGER``: level, when, operation, timing and referencing.

https://www.postgresql.org/docs/current/sql-createtrigger.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import DeclarationError
from pgtrigger.vocabulary.deconstruction import Deconstructible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model


@dataclass(frozen=True)
class Level(Deconstructible):
    """The level of a trigger: once a row or once a statement."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class When(Deconstructible):
    """Time of firing: before the operation, after it, or in its place (views)."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Timing(Deconstructible):
    """When a deferrable trigger fires unless ``SET CONSTRAINTS`` says otherwise."""

    name: str

    def __str__(self) -> str:
        return self.name


class Operations(Deconstructible):
    """One or more of INSERT, UPDATE, DELETE and TRUNCATE, combined with ``|``."""

    def __init__(self, *operations: Operation):
        self.operations = tuple(dict.fromkeys(operations))

    def __or__(self, other: Operations) -> Operations:
        if not isinstance(other, Operations):
            return NotImplemented
        return Operations(*self, *other)

    def __iter__(self) -> Iterator[Operation]:
        return iter(self.operations)

    def __contains__(self, operation: object) -> bool:
        return operation in self.operations

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operations) and set(self) == set(other)

    def __hash__(self) -> int:
        return hash(frozenset(operation._identity() for operation in self.operations))

    def __str__(self) -> str:
        return " OR ".join(str(operation) for operation in self)

    def __repr__(self) -> str:
        return " | ".join(repr(operation) for operation in self)

    @property
    def names(self) -> list[str]:
        """The operations as ``TG_OP`` has them: ``["UPDATE", "DELETE"]``."""
        return list(dict.fromkeys(operation.name for operation in self))

    def render(self, model: type[Model] | None) -> str:
        """The event list of ``CREATE TRIGGER``."""
        return " OR ".join(operation.render_one(model) for operation in self)


class Operation(Operations):
    """INSERT, UPDATE, DELETE or TRUNCATE."""

    def __init__(self, name: str):
        self.name = name
        self.operations = (self,)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Operation):
            return self._identity() == other._identity()
        return super().__eq__(other)

    def __hash__(self) -> int:
        return hash(frozenset([self._identity()]))

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name.title()

    def _identity(self) -> tuple[str, ...]:
        return (self.name,)

    def render_one(self, model: type[Model] | None) -> str:
        return self.name


class UpdateOf(Operation):
    """UPDATE, when the statement names one of these fields or columns.

    It does not fire for a column that only another trigger changes.
    """

    def __init__(self, *columns: str):
        if not columns:
            raise DeclarationError("UpdateOf needs at least one field or column.")
        super().__init__("UPDATE")
        self.columns = columns

    def _identity(self) -> tuple[str, ...]:
        return (self.name, *sorted(self.columns))

    def __str__(self) -> str:
        return f"UPDATE OF {', '.join(self._quoted(None))}"

    def __repr__(self) -> str:
        return f"UpdateOf({', '.join(map(repr, self.columns))})"

    def render_one(self, model: type[Model] | None) -> str:
        return f"UPDATE OF {', '.join(self._quoted(model))}"

    def _quoted(self, model: type[Model] | None) -> list[str]:
        return [
            sql.Identifier(self._column(model, name) if model else name).as_string()
            for name in self.columns
        ]

    @staticmethod
    def _column(model: type[Model], name: str) -> str:
        fields = [field for field in model._meta.local_concrete_fields if field.column]
        if model._meta.proxy and model._meta.concrete_model is not None:
            fields = list(model._meta.concrete_model._meta.local_concrete_fields)
        for field in fields:
            if name in (field.name, field.attname, field.column):
                return str(field.column)
        raise DeclarationError(
            f"UpdateOf names {name!r}, which is not a field or column of the table of "
            f"{model._meta.label}. It has: {', '.join(sorted(f.name for f in fields))}."
        )


@dataclass(frozen=True, kw_only=True)
class Referencing(Deconstructible):
    """The names of the transition tables that a trigger's function reads.

    They are read as SQL reads them: ``NewRows`` is the table ``newrows``, and ``"NewRows"`` in
    double quotes is ``NewRows``.
    """

    old: str | None = None
    new: str | None = None

    def __post_init__(self) -> None:
        if not self.old and not self.new:
            raise DeclarationError('Referencing needs "old", "new", or both.')
        if self.old and self.new and naming.sql_name(self.old) == naming.sql_name(self.new):
            raise DeclarationError(
                f"Referencing needs two names: {self.old!r} and {self.new!r} are the same."
            )

    @property
    def sides(self) -> list[str]:
        """The sides that it names: ``"old"``, ``"new"`` or both."""
        return [side for side in ("old", "new") if getattr(self, side)]

    def __str__(self) -> str:
        named = [("OLD", self.old), ("NEW", self.new)]
        tables = [
            sql.SQL("{} TABLE AS {}").format(sql.SQL(side), naming.sql_name(name))
            for side, name in named
            if name
        ]
        return sql.SQL(" ").join([sql.SQL("REFERENCING"), *tables]).as_string()


Row = Level("ROW")
Statement = Level("STATEMENT")

Before = When("BEFORE")
After = When("AFTER")
InsteadOf = When("INSTEAD OF")

Immediate = Timing("IMMEDIATE")
Deferred = Timing("DEFERRED")

Insert = Operation("INSERT")
Update = Operation("UPDATE")
Delete = Operation("DELETE")
Truncate = Operation("TRUNCATE")
