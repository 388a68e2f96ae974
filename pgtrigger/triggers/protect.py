"""Rules that refuse an operation: ``Protect`` and ``ReadOnly``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger.triggers.raising import Refusal
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, Rows, columns_of
from pgtrigger.vocabulary.conditions import AnyChange, Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.declaration import Options

from pgtrigger.triggers.rule import Rule


class Protect(Rule):
    """Refuses an operation, where ``condition`` is true if there is one."""

    def refusal(self, model: type[Model]) -> Refusal:
        operations = self.operation.names if self.operation else []
        allowed = [name for name in ("INSERT", "UPDATE", "DELETE") if name not in operations]
        hint = f"The rule {self.name} refuses {' and '.join(operations)}"
        if self.condition is not None:
            hint += " of the rows that meet its condition"
        if allowed:
            hint += f"; it allows {' and '.join(allowed)}"
        return Refusal(
            rule="protect",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"{hint}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
        )


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
        **options: Unpack[Options],
    ):
        self._set(fields=fields, exclude=exclude)
        super().__init__(**options)
        if self.fields and self.exclude:
            self._refuse('takes "fields" or "exclude", not both')

    def get_condition(self, model: type[Model]) -> Condition:
        changed: Condition = self._change()
        return changed & self.condition if self.condition is not None else changed

    def refusal(self, model: type[Model]) -> Refusal:
        read_only = self._change().compared_fields(model) or columns_of(model)
        names = ", ".join(field.name for field in read_only)
        return Refusal(
            rule="read_only",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"These fields keep the value they were created with: {names}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
            detail=lambda rows: [("fields", _changed_names(read_only, rows))],
            column=read_only[0].column if len(read_only) == 1 else None,
        )

    def _change(self) -> AnyChange:
        return AnyChange(*(self.fields or ()), exclude=self.exclude)


def _changed_names(fields: Iterable[Field[Any, Any]], rows: Rows) -> sql.Composable:
    """The names of the fields that change, as an array."""
    names = [
        sql.SQL("CASE WHEN {} IS DISTINCT FROM {} THEN {} END").format(
            rows.comparable(OLD, field),
            rows.comparable(NEW, field),
            sql.Literal(field.name),
        )
        for field in fields
    ]
    return sql.SQL("pg_catalog.array_remove(ARRAY[{}]::text[], NULL)").format(
        sql.SQL(", ").join(names)
    )
