"""Rules that an integrity error may match.

A match reads the SQLSTATE and the names that PostgreSQL reports, and resolves them through the
model and the catalog. It never reads a message, whose language is the server's (lc_messages).

A rule that could never match is refused when it is made: FieldDoesNotExist, or RuleCannotMatch with
the reason. For a model that Django does not manage, only the fields are known, so a rule about
its constraints is not checked.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import psycopg
from django.db.models import Model
from psycopg import errors

from . import catalog, declarations
from .declarations import ModelHasNoPrimaryKey, RuleCannotMatch, kept, name_of, table_of, truncated


class Rule(Protocol):
    """The protocol of rules: each decides whether an error is the one that it is about."""

    def is_match(self, error: Exception) -> bool: ...


@dataclass(frozen=True)
class Named(Rule):
    """Any violation of a constraint of this name, on any table."""

    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise RuleCannotMatch("Expected the name of a constraint, found an empty string.")

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        return report is not None and report.diag.constraint_name == truncated(self.name)


@dataclass(frozen=True)
class Unique(Rule):
    """Duplicate values of exactly these fields, in any order.

    It matches a unique field, unique_together, and a UniqueConstraint, also one with a condition,
    or over expressions that refer to these fields.
    """

    model: type[Model]
    fields: Collection[str]

    def __post_init__(self) -> None:
        owner, columns = self._columns()
        if owner._meta.managed and columns not in dict(declarations.uniques(owner)):
            raise RuleCannotMatch(
                f"{name_of(self.model)} declares nothing unique over {', '.join(self.fields)}. For"
                " an index that only the database knows, use Named."
            )

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        if not isinstance(report, errors.UniqueViolation):
            return False
        owner, columns = self._columns()
        names = {name for declared, name in declarations.uniques(owner) if declared == columns}
        return any(
            constraint.name in names
            or (constraint.columns == columns and not constraint.has_expressions)
            for constraint in _broken(owner, report)
        )

    def _columns(self) -> tuple[type[Model], frozenset[str]]:
        """Return the columns, and the model whose table has them: a parent for inherited fields."""
        fields = declarations.fields_of(self.model, self.fields)
        owners = {field.model for field in fields}
        if len(owners) > 1:
            raise RuleCannotMatch(
                f"{', '.join(self.fields)} of {name_of(self.model)} are columns of several tables,"
                " and nothing can be unique across tables."
            )
        return owners.pop(), declarations.columns_of(fields)


@dataclass(frozen=True)
class PrimaryKey(Rule):
    """A duplicate primary key; it may be a composite one.

    Raises:
        ModelHasNoPrimaryKey: if the model is abstract.
    """

    model: type[Model]

    def __post_init__(self) -> None:
        if self.model._meta.abstract:
            raise ModelHasNoPrimaryKey(f"{name_of(self.model)} is abstract and has no primary key.")

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        return isinstance(report, errors.UniqueViolation) and any(
            constraint.kind == "primary key" for constraint in _broken(self.model, report)
        )


@dataclass(frozen=True)
class NotNull(Rule):
    """NULL in a column that must have a value."""

    model: type[Model]
    field: str

    def __post_init__(self) -> None:
        (field,) = declarations.fields_of(self.model, [self.field])
        if field.null and field.model._meta.managed:
            raise RuleCannotMatch(f"{name_of(self.model)}.{self.field} may be null.")

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        if not isinstance(report, errors.NotNullViolation):
            return False
        (field,) = declarations.fields_of(self.model, [self.field])
        return report.diag.column_name == declarations.column_of(field) and _concerns(
            field.model, report
        )


@dataclass(frozen=True)
class ForeignKey(Rule):
    """A reference to a missing row, or the deletion of a row that is still referred to.

    PostgreSQL reports both sides alike, with the referring table, so one rule matches both.

    Raises:
        FieldDoesNotExist: if the model has no such field.
        NotAForeignKey: if the field is not a foreign key.
    """

    model: type[Model]
    field: str

    def __post_init__(self) -> None:
        field = declarations.foreign_key(self.model, self.field)
        if not getattr(field, "db_constraint", True) and field.model._meta.managed:
            raise RuleCannotMatch(
                f"{name_of(self.model)}.{self.field} has db_constraint=False: PostgreSQL does not"
                " check it."
            )

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        # ON DELETE RESTRICT has its own SQLSTATE since PostgreSQL 18.
        if not isinstance(report, errors.ForeignKeyViolation | errors.RestrictViolation):
            return False
        field = declarations.foreign_key(self.model, self.field)
        return any(
            constraint.columns == {declarations.column_of(field)}
            for constraint in _broken(field.model, report)
        )


@dataclass(frozen=True)
class Check(Rule):
    """A row that a check constraint of the model refuses."""

    model: type[Model]
    name: str

    def __post_init__(self) -> None:
        declarations.require_table(self.model)
        declared = declarations.checks(self.model)
        if kept(self.name) not in declared:
            _reject_undeclared(self.model, "check constraint", self.name, declared)

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        return isinstance(report, errors.CheckViolation) and any(
            constraint.name == kept(self.name) for constraint in _broken(self.model, report)
        )


@dataclass(frozen=True)
class Exclusion(Rule):
    """A row that conflicts with another by an exclusion constraint of the model."""

    model: type[Model]
    name: str

    def __post_init__(self) -> None:
        declarations.require_table(self.model)
        declared = declarations.exclusions(self.model)
        if kept(self.name) not in declared:
            _reject_undeclared(self.model, "exclusion constraint", self.name, declared)

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        return isinstance(report, errors.ExclusionViolation) and any(
            constraint.name == kept(self.name) for constraint in _broken(self.model, report)
        )


@dataclass(frozen=True)
class Trigger(Rule):
    """A rule that a trigger of the model enforces, by the trigger's declared name.

    The trigger reports SQLSTATE 23000, its table, and its name as the constraint's; the comment of
    the trigger begins with its URI, ``app_label.ModelName:name``. What a model declares is not
    known here, so the rule is checked against the catalog the first time that it might match.

    Raises:
        RuleCannotMatch: by ``is_match``, if the table has no such trigger.
    """

    model: type[Model]
    name: str

    def __post_init__(self) -> None:
        declarations.require_table(self.model)
        if not self.name:
            raise RuleCannotMatch("Expected the name of a trigger, found an empty string.")

    def is_match(self, error: Exception) -> bool:
        report = catalog.reported(error)
        if not isinstance(report, errors.IntegrityConstraintViolation):
            return False
        if not _concerns(self.model, report):
            return False
        uri = f"{name_of(self.model)}:{self.name}"
        found = catalog.trigger_uris(report, catalog.database_of(report, self.model))
        if uri not in found:
            raise RuleCannotMatch(
                f"No trigger of the table {report.diag.table_name} is {uri};"
                f" it has {', '.join(sorted(found)) or 'none'}."
            )
        return report.diag.constraint_name == self.name


@dataclass(frozen=True)
class OutOfRange(Rule):
    """A number outside the range of its column, or a sequence that has run out.

    PostgreSQL names no column for it. It is a DataError in Django.
    """

    def is_match(self, error: Exception) -> bool:
        return isinstance(
            catalog.reported(error),
            errors.NumericValueOutOfRange | errors.SequenceGeneratorLimitExceeded,
        )


def _concerns(model: type[Model], error: psycopg.Error) -> bool:
    """Return whether the error is about the model's table, or a partition of it."""
    table = table_of(model)
    if table.is_at(error.diag.schema_name, error.diag.table_name):
        return True
    root = catalog.root(error, catalog.database_of(error, model))
    return root is not None and table.is_at(*root)


def _broken(model: type[Model], error: psycopg.Error) -> list[catalog.Constraint]:
    """The constraint that the error is about, if it is the model's."""
    table = table_of(model)
    return [
        constraint
        for constraint in catalog.constraints(error, catalog.database_of(error, model))
        if table.is_at(constraint.schema, constraint.table)
    ]


def _reject_undeclared(model: type[Model], kind: str, name: str, declared: set[str]) -> None:
    if model._meta.managed:
        raise RuleCannotMatch(
            f"{name_of(model)} declares no {kind} {name!r}; it has"
            f" {', '.join(sorted(declared)) or 'none'}. For one that only the database knows, use"
            " Named."
        )
