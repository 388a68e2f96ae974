"""``SoftDelete``: sets a field where a row would be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger.sql.function_body import Body, Relation
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    OLD,
    ROW_VARIABLES,
    column_identifier,
    equals,
    key_fields,
    own_field,
)
from pgtrigger.vocabulary.row_query import RowQuery

if TYPE_CHECKING:
    from django.db.models import Model

    from pgtrigger.triggers.declaration import Options


UNSET: Any = object()


class SoftDelete(Trigger):
    """Sets ``field`` to ``value`` where a row would be deleted, and keeps the row.

    ``value`` is any value of the field, or an expression such as ``Now()``.
    """

    when = clauses.Before
    operation = clauses.Delete
    field: str | None = None
    value: Any = False

    def __init__(self, *, field: str | None = None, value: Any = UNSET, **options: Unpack[Options]):
        self._set(field=field)
        if value is not UNSET:
            self.value = value
        super().__init__(**options)
        if not self.field:
            self._refuse('has no "field"')

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        field = own_field(model, str(self.field))
        same_row: list[Any] = []
        for key in key_fields(model):
            same_row += [" AND "] if same_row else []
            same_row += [column_identifier(key), " ", equals(key), " "]
            same_row += [ROW_VARIABLES.column(OLD, key)]
        return Body(
            "UPDATE ",
            Relation(model._meta.db_table),
            sql.SQL(" SET {} = {} WHERE ").format(
                column_identifier(field),
                sql.SQL(RowQuery(model, ROW_VARIABLES).value(self.value, field)),
            ),
            *same_row,
            ";\nRETURN NULL;",
        )
