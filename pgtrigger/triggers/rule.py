"""``Rule``: a trigger that refuses writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from pgtrigger import naming
from pgtrigger.triggers import pairing, raising
from pgtrigger.triggers.composer import Composer
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model

    from pgtrigger.triggers.declaration import Options
    from pgtrigger.triggers.raising import Refusal


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
        """Return the error to raise."""
        raise NotImplementedError

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        declared = super().get_declare(model)
        if self.level == clauses.Statement and self.get_referencing(model):
            return [*declared, (raising.REFUSAL, "record")]
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
            return naming.as_text(raising.raise_for_row(refusal, model, self.operation))
        condition = self.get_condition(model)
        operation = self._one_operation()
        referencing = self.get_referencing(model)
        if operation is None or referencing is None:
            if condition is not None and condition.sides(model):
                self._refuse(
                    "a condition on rows needs level=pgtrigger.Row, or, at statement level, "
                    "when=pgtrigger.After and exactly one of Insert, Update and Delete"
                )
            return naming.as_text(raising.raise_for_statement(refusal, model))
        sides = raising.sides_to_search(referencing.sides, condition, model)
        return raising.raise_for_transition_rows(
            refusal, model, operation, condition, self._rows(model, sides), sides
        )

    def _refused_operation(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ()).lower()
        return f"pgtrigger: Cannot {operations} rows from {model._meta.db_table} table"
