"""``Version``: optimistic locking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db import models
from psycopg import sql

from pgtrigger.errors import Detail, StaleError
from pgtrigger.sql.function_body import Body
from pgtrigger.triggers.declaration import GENERATED
from pgtrigger.triggers.forecast import Forecast
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.rule import Rule
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, ROW_VARIABLES, own_field
from pgtrigger.vocabulary.conditions import AnyChange, Condition

if TYPE_CHECKING:
    from django.db.models import Field, Model

    from pgtrigger.triggers.rule import RuleOptions


class Version(Rule):
    """Counts the changes of a row in ``field``, and refuses to save an object that is out of date.

        pgtrigger.Version("version")

    ``save()`` sends the version that the object was read with, also with ``update_fields``. If the
    row has another one now, StaleError is raised. Otherwise the object has the new version
    afterwards. ``update()``, ``bulk_update()`` and ``F()`` do not send it, so they are not checked.
    """

    operation = clauses.Update
    fixed = GENERATED | {
        "operation": "it counts the updates of a row",
        "level": "it sets a field of the row that is written",
        "when": "it sets a field of the row that is written",
        "timing": "it sets a field of the row that is written",
        "condition": "it counts every change of a row",
    }

    def __init__(self, version_field: str, /, **options: Unpack[RuleOptions]):
        self._validate_field_name("version_field", version_field)
        self.name = options.setdefault("name", version_field)
        for option in ("writes", "field"):
            if options.get(option) is not None:
                self._reject(f'takes no "{option}": it is the field of the version')
        options["writes"], options["field"] = [version_field], version_field
        super().__init__(**options)

    def get_condition(self, model: type[Model]) -> Condition:
        return AnyChange()

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        field = self.version_field(model)
        old, new = ROW_VARIABLES.column(OLD, field), ROW_VARIABLES.column(NEW, field)
        refuse = self._raise_for_row(model)
        func = Body(
            sql.SQL("IF ({new} OPERATOR(pg_catalog.=) {old}) IS NOT TRUE THEN\n").format(
                new=new, old=old
            ),
            refuse,
            sql.SQL("\nEND IF;\n{new} := {old} OPERATOR(pg_catalog.+) 1;\nRETURN NEW;").format(
                new=new, old=old
            ),
        )
        return func if self.reports else str(func)

    def refusal(self, model: type[Model]) -> Refusal:
        field = self.version_field(model)
        return Refusal(
            rule=StaleError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint="Read the object again, and repeat the change.",
            message=lambda rows: sql.Literal(
                f"pgtrigger: A row of {model._meta.db_table} was changed by somebody else"
            ),
            detail=lambda rows: Detail(
                version=rows.column(OLD, field), based_on=rows.column(NEW, field)
            ),
        )

    def describe(self, model: type[Model]) -> str:
        return (
            f"Counts the changes of a row in {self.field}, and refuses to save an object that was "
            "read before another change."
        )

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        return Forecast(read_only=frozenset([self.version_field(model).name]))

    def version_field(self, model: type[Model]) -> Field[Any, Any]:
        """Return the field. Raise DeclarationError if it cannot be counted."""
        field = own_field(model, str(self.field))
        if not isinstance(field, models.IntegerField) or field.null or field.primary_key:
            self._reject(
                f"{model._meta.label}.{field.name} is a {type(field).__name__}: a version is an "
                "IntegerField(default=0), not null and not the primary key"
            )
        return field
