"""``UpdateSearchVector``: keeps a text search vector up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger.sql.function_body import Body, TextSearch
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    NEW,
    ROW_VARIABLES,
    is_virtual,
    own_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

    from pgtrigger.triggers.declaration import Options


class UpdateSearchVector(Trigger):
    """Keep ``vector_field`` equal to the text search vector of ``document_fields``.

    Every write computes it, because ``save()`` writes the vector that the instance was loaded with.

    https://www.postgresql.org/docs/current/textsearch-features.html#TEXTSEARCH-UPDATE-TRIGGERS
    """

    when = clauses.Before
    operation = clauses.Insert | clauses.Update
    fixed = {
        "level": "it sets a field of the row that is written",
        "when": "it sets a field of the row that is written",
        "timing": "it sets a field of the row that is written",
        "referencing": "it sets a field of the row that is written",
    }
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
            self._reject('has no "vector_field"')
        if not self.document_fields:
            self._reject('has no "document_fields"')
        if self.operation and "DELETE" in self.operation.names:
            self._reject("a row that is deleted has no search vector: use Insert and Update")

    def describe(self, model: type[Model]) -> str:
        names = ", ".join(self.document_fields or ())
        return f"Keeps {self.vector_field} the text search vector of {names}."

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        vector = own_field(model, str(self.vector_field))
        documents = [own_field(model, name) for name in self.document_fields or ()]
        for field in (vector, *documents):
            if getattr(field, "generated", False) and (field is vector or not is_virtual(field)):
                self._reject(f'the generated column "{field.name}" has no value before the write')
        texts = [ROW_VARIABLES.column(NEW, field) for field in documents]
        name = self.config_name
        is_qualified = "." in name
        configuration = sql.Literal(name).as_string() if is_qualified else TextSearch(name)
        made = Body(
            sql.SQL("{} := pg_catalog.to_tsvector(").format(ROW_VARIABLES.column(NEW, vector)),
            configuration,
            sql.SQL("::pg_catalog.regconfig, pg_catalog.concat_ws(' ', {}));\nRETURN NEW;").format(
                sql.SQL(", ").join(texts)
            ),
        )
        return str(made) if is_qualified else made
