"""Rules that refuse an operation: ``Protect`` and ``ReadOnly``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger import clauses, naming, pairing, refusals
from pgtrigger.composer import Composer
from pgtrigger.conditions import AnyChange, Condition
from pgtrigger.refusals import Refusal
from pgtrigger.rows import (
    NEW,
    OLD,
    Rows,
    columns_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Field, Model

    from pgtrigger.declarations import Options


class Rule(Composer):
    """A trigger that refuses writes: what ``refusal()`` says, for rows where the condition holds.

    At statement level it fires AFTER the statement and looks at the rows it wrote, so a statement
    that writes none is never refused.
    """

    when = clauses.Before

    def __init__(self, **options: Unpack[Options]):
        statement = (options.get("level") or self.level) == clauses.Statement
        if statement and options.get("when") is None:
            options["when"] = clauses.After
        super().__init__(**options)

    def refusal(self, model: type[Model]) -> Refusal:
        """What is raised."""
        raise NotImplementedError

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        declared = super().get_declare(model)
        if self.level == clauses.Statement and self.get_referencing(model):
            return [*declared, (refusals.REFUSAL, "record")]
        return declared

    def get_settings(self, model: type[Model]) -> dict[str, str]:
        """See Note [Statement plans]."""
        has_transition_tables = self.level == clauses.Statement and self.get_referencing(model)
        return pairing.PLAN_SETTINGS if has_transition_tables else {}

    def get_func(self, model: type[Model] | None) -> Any:
        if self.func is not None:
            return super().get_func(model)
        if model is None:
            return ""
        assert self.operation is not None
        refusal = self.refusal(model)
        if self.level == clauses.Row:
            return naming.as_text(refusals.raise_for_row(refusal, model, self.operation))
        condition = self.get_condition(model)
        operation = self._one_operation()
        referencing = self.get_referencing(model)
        if operation is None or referencing is None:
            if condition is not None and condition.sides(model):
                self._refuse(
                    "a condition on rows needs level=pgtrigger.Row, or, at statement level, "
                    "when=pgtrigger.After and exactly one of Insert, Update and Delete"
                )
            return naming.as_text(refusals.raise_for_statement(refusal, model))
        sides = refusals.sides_to_search(referencing.sides, condition, model)
        return refusals.raise_for_transition_rows(
            refusal, model, operation, condition, self._rows(model, sides), sides
        )

    def _refused_operation(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ()).lower()
        return f"pgtrigger: Cannot {operations} rows from {model._meta.db_table} table"


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
