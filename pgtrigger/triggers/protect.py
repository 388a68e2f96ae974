"""Rules that refuse an operation: ``Protect`` and ``ReadOnly``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger.errors import Detail, ProtectedError, ReadOnlyError
from pgtrigger.triggers.forecast import Forecast, holds, kept_fields
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.rule import Rule
from pgtrigger.vocabulary import clauses, comparison
from pgtrigger.vocabulary.columns import Rows, columns_of
from pgtrigger.vocabulary.conditions import AnyChange, Condition, conjuncts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.rule import RuleOptions


class Protect(Rule):
    """Refuses an operation, with ``condition`` only on rows for which it is true."""

    def refusal(self, model: type[Model]) -> Refusal:
        operations = self.operation.names if self.operation else []
        allowed = [name for name in ("INSERT", "UPDATE", "DELETE") if name not in operations]
        hint = f"The rule {self.name} refuses {' and '.join(operations)}"
        if self.condition is not None:
            hint += " of the rows that meet its condition"
        # Beside a rule on TRUNCATE there is often one on UPDATE and DELETE.
        if allowed and "TRUNCATE" not in operations:
            hint += f"; it allows {' and '.join(allowed)}"
        return Refusal(
            rule=ProtectedError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"{hint}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
        )

    def describe(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ())
        return f"Refuses {operations}{self._if_condition(model)}."

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        operations = self.operation.names if self.operation else []
        whole = not self.operation or not any(
            isinstance(each, clauses.UpdateOf) for each in self.operation
        )
        kept = kept_fields(model, self.condition, row) if "UPDATE" in operations and whole else ()
        parts = conjuncts(self.condition) if self.condition is not None else []
        is_refused = "DELETE" in operations and holds(model, parts, row)
        return Forecast(frozenset(kept), is_deletable=not is_refused)


class ReadOnly(Rule):
    """Refuses an update that changes one of ``fields``, or any but those of ``exclude``."""

    operation = clauses.Update
    fields: Sequence[str] | None = None
    exclude: Sequence[str] | None = None

    def __init__(
        self,
        *,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        **options: Unpack[RuleOptions],
    ):
        self._validate_field_names("fields", fields)
        self._validate_field_names("exclude", exclude)
        self._set(fields=fields, exclude=exclude)
        super().__init__(**options)
        if self.fields and self.exclude:
            self._reject('takes "fields" or "exclude", not both')

    def get_condition(self, model: type[Model]) -> Condition:
        changed: Condition = self._change(model)
        return changed & self.condition if self.condition is not None else changed

    def describe(self, model: type[Model]) -> str:
        kept = self._change(model).compared_fields(model) or columns_of(model)
        names = ", ".join(field.name for field in kept)
        return f"Refuses to change {names}{self._if_condition(model)}."

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        return Forecast(frozenset(kept_fields(model, self.get_condition(model), row)))

    def refusal(self, model: type[Model]) -> Refusal:
        read_only = self._change(model).compared_fields(model) or columns_of(model)
        names = ", ".join(field.name for field in read_only)
        hint = "These fields keep the value they were created with"
        if self.condition is not None:
            hint = f"These fields cannot be changed{self._if_condition(model)}"
        return Refusal(
            rule=ReadOnlyError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"{hint}: {names}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
            detail=lambda rows: Detail(fields=changed_fields(read_only, rows)),
            column=lambda rows: first_changed_column(read_only, rows),
        )

    def _change(self, model: type[Model]) -> AnyChange:
        return AnyChange(*(self.fields or ()), exclude=self.exclude)


def changed_fields(fields: Sequence[Field[Any, Any]], rows: Rows) -> sql.Composable:
    """The names of the fields that change, as an array."""
    return _of_changed(fields, [field.name for field in fields], rows)


def first_changed_column(fields: Sequence[Field[Any, Any]], rows: Rows) -> sql.Composable:
    """The column of the first of the fields that changes."""
    if len(fields) == 1:
        return sql.Literal(fields[0].column)
    columns = [str(field.column) for field in fields]
    return sql.SQL("COALESCE(({})[1], '')").format(_of_changed(fields, columns, rows))


def _of_changed(
    fields: Sequence[Field[Any, Any]], names: Sequence[str], rows: Rows
) -> sql.Composable:
    """An array of the names whose fields change."""
    changed = [
        sql.SQL("CASE WHEN {} THEN {} END").format(
            comparison.changed_in_function(rows, field), sql.Literal(name)
        )
        for field, name in zip(fields, names, strict=True)
    ]
    return sql.SQL("pg_catalog.array_remove(ARRAY[{}]::pg_catalog.text[], NULL)").format(
        sql.SQL(", ").join(changed)
    )
