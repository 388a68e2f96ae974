"""``Touch``: the time of a row's last change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db import models
from psycopg import sql

from pgtrigger import naming
from pgtrigger.triggers.declaration import GENERATED
from pgtrigger.triggers.forecast import Forecast
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, ROW_VARIABLES, own_field
from pgtrigger.vocabulary.conditions import AnyChange, Condition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.declaration import Options


class Touch(Trigger):
    """Sets ``field`` to the time of the transaction when a row is inserted or changed.

        pgtrigger.Touch("updated_at")

    Unlike ``auto_now``, it sees every write: ``update()``, ``bulk_update()`` and SQL. A save that
    changes nothing leaves the time as it is.
    """

    when = clauses.Before
    operation = clauses.Update
    fixed = GENERATED | {
        "operation": "it sees every insert and every change",
        "level": "it sets a field of the row that is written",
        "when": "it sets a field of the row that is written",
        "timing": "it sets a field of the row that is written",
        "condition": "it sees every insert and every change",
    }

    def __init__(self, field: str, **options: Unpack[Options]):
        self._validate_field_name("field", field)
        self.field = field
        default = f"touch_{field}"[: naming.MAX_NAME_LENGTH - len("_insert")]
        self.name = options.setdefault("name", default)
        if options.get("writes") is not None:
            self._reject('takes no "writes": it sets its field')
        options["writes"] = [field]
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation == clauses.Insert:
            return ()
        return [self._part("_insert", clauses.Insert)]

    def get_condition(self, model: type[Model]) -> Condition | None:
        return None if self.operation == clauses.Insert else AnyChange()

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        return (
            sql.SQL("{} := pg_catalog.now();\nRETURN NEW;")
            .format(ROW_VARIABLES.column(NEW, self._time_field(model)))
            .as_string()
        )

    def describe(self, model: type[Model]) -> str:
        event = "inserted" if self.operation == clauses.Insert else "changed"
        return f"Sets {self.field} to the time of the transaction when a row is {event}."

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        return Forecast(read_only=frozenset([self._time_field(model).name]))

    def _time_field(self, model: type[Model]) -> Field[Any, Any]:
        field = own_field(model, self.field)
        if not isinstance(field, models.DateTimeField):
            self._reject(
                f"{model._meta.label}.{field.name} is a {type(field).__name__}, "
                "expected a DateTimeField"
            )
        return field
