"""Triggers that put another write in the place of one: ``SoftDelete``, ``UpdateSearchVector``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger import clauses, naming
from pgtrigger.bodies import Body, Relation
from pgtrigger.queries import RowQuery
from pgtrigger.rows import (
    NEW,
    OLD,
    ROW_VARIABLES,
    column_identifier,
    key_fields,
    own_field,
)
from pgtrigger.triggers import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

    from pgtrigger.declarations import Options


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
        same_row = [
            sql.SQL("{} = {}").format(column_identifier(key), ROW_VARIABLES.column(OLD, key))
            for key in key_fields(model)
        ]
        return Body(
            "UPDATE ",
            Relation(model._meta.db_table),
            sql.SQL(" SET {} = {} WHERE {};\nRETURN NULL;").format(
                column_identifier(field),
                sql.SQL(RowQuery(model, ROW_VARIABLES).value(self.value, field)),
                sql.SQL(" AND ").join(same_row),
            ),
        )


class UpdateSearchVector(Trigger):
    """Keeps ``vector_field`` the text search vector of ``document_fields``.

    Every write makes it anew: ``save()`` writes the vector that the instance was loaded with.

    https://www.postgresql.org/docs/current/textsearch-features.html#TEXTSEARCH-UPDATE-TRIGGERS
    """

    when = clauses.Before
    operation = clauses.Insert | clauses.Update
    vector_field: str | None = None
    document_fields: Iterable[str] | None = None
    config_name: str = "pg_catalog.english"

    def __init__(
        self,
        *,
        vector_field: str | None = None,
        document_fields: Iterable[str] | None = None,
        config_name: str | None = None,
        **options: Unpack[Options],
    ):
        self._set(
            vector_field=vector_field, document_fields=document_fields, config_name=config_name
        )
        super().__init__(**options)
        if not self.vector_field:
            self._refuse('has no "vector_field"')
        if not self.document_fields:
            self._refuse('has no "document_fields"')

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        vector = own_field(model, str(self.vector_field))
        documents = [own_field(model, name) for name in self.document_fields or ()]
        for field in (vector, *documents):
            if getattr(field, "generated", False):
                self._refuse(f'the generated column "{field.name}" has no value before the write')
        texts = [ROW_VARIABLES.column(NEW, field) for field in documents]
        return naming.as_text(
            sql.SQL(
                "{} := pg_catalog.to_tsvector({}::pg_catalog.regconfig, "
                "pg_catalog.concat_ws(' ', {}));\n"
                "RETURN NEW;"
            ).format(
                ROW_VARIABLES.column(NEW, vector),
                sql.Literal(self.config_name),
                sql.SQL(", ").join(texts),
            )
        )
