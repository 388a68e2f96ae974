"""``Requires``: a row can be written only while the row it refers to meets a condition.

The referenced row is locked with FOR SHARE, so it cannot change until the end of the transaction.
If another transaction is changing it, the write waits and then checks the changed row. In report
mode nothing is locked.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db import models
from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import Detail, RequirementError
from pgtrigger.sql.function_body import Body, Relation
from pgtrigger.triggers.declaration import GENERATED, own_path
from pgtrigger.triggers.forecast import NOTHING, Forecast
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.relations import STORED, foreign_key, has_value
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import KEPT, Standing, table
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    ROW_VARIABLES,
    Rows,
    column_identifier,
    columns_of,
)
from pgtrigger.vocabulary.conditions import AnyChange, of_side
from pgtrigger.vocabulary.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model

    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.rule import RuleOptions


class Requires(Rule):
    """Refuses to insert, change or delete a row unless the row it refers to meets a condition.

        pgtrigger.Requires("invoice__status", "draft")

    The path consists of a foreign key, a field of the row that it refers to, and optionally a
    lookup, joined by double underscores. A row whose foreign key is NULL is not checked. If an
    UPDATE changes the foreign key, the old and the new referenced row must both meet the condition.
    ``operation`` limits which operations are checked; by default all three are.
    """

    operation = clauses.Insert | clauses.Update | clauses.Delete
    fixed = GENERATED | {
        "level": "it locks the referenced row before each row is written",
        "when": "it locks the referenced row before each row is written",
        "timing": "it locks the referenced row before each row is written",
        "condition": "its path and value are the condition",
        "search_path": "every name of its function is qualified",
        "writes": "it sets no field",
    }

    def __init__(self, path: str, value: Any, /, **options: Unpack[RuleOptions]):
        self.key_name, separator, self.rest = str(path).partition("__")
        self.value = value
        if not separator:
            self._reject(
                f"found {path!r}, expected a foreign key and a field of the row it refers to, "
                'such as "invoice__status"'
            )
        options.setdefault("name", f"requires_{path}"[: naming.MAX_NAME_LENGTH])
        super().__init__(**options)

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        key = foreign_key(self, model, self.key_name)
        old, new = ROW_VARIABLES.column(OLD, key), ROW_VARIABLES.column(NEW, key)
        is_changed = sql.SQL(AnyChange().render(model, ROW_VARIABLES))
        return Body(
            sql.SQL(
                "IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN\n"
                "IF NOT ({}) THEN\nRETURN NEW;\nEND IF;\nEND IF;\n"
            ).format(is_changed),
            "IF TG_OP OPERATOR(pg_catalog.<>) 'INSERT' THEN\n",
            self._check(model, key, old),
            "\nEND IF;\nIF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN\nRETURN OLD;\nEND IF;\n",
            sql.SQL(
                "IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR {} IS DISTINCT FROM {} THEN\n"
            ).format(old, new),
            self._check(model, key, new),
            "\nEND IF;\nRETURN NEW;",
        )

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """Return the search_path of the generated function.

        The function may have one because it does not write to a table: it only locks rows of the
        other model. See Note [Names in functions].
        """
        key = foreign_key(self, model, self.key_name)
        return own_path(key.related_model, self._required())

    def _check(
        self, model: type[Model], key: models.ForeignKey[Any, Any], value: sql.Composable
    ) -> Body:
        return Body(
            sql.SQL("IF {} IS NOT NULL THEN\nPERFORM 1 FROM ").format(value),
            Relation(key.related_model._meta.db_table),
            *(" AS stored\nWHERE ", has_value(key.target_field, value), " AND ("),
            self._required().render(key.related_model, STORED),
            ")" if self.reports else ") FOR SHARE",
            ";\nIF NOT FOUND THEN\n",
            self._raise_for_row(model),
            "\nEND IF;\nEND IF;",
        )

    def describe(self, model: type[Model]) -> str:
        operations = " and ".join(self.operation.names if self.operation else ())
        return f"Allows {operations} only while {self._words(model)} in its {self.key_name}."

    def _words(self, model: type[Model]) -> str:
        key = foreign_key(self, model, self.key_name)
        return sentence(self._required(), key.related_model).replace("the new ", "the ", 1)

    def standing(self, model: type[Model]) -> Standing | None:
        if self.operation is None or not {"UPDATE", "DELETE"} & set(self.operation.names):
            return None
        key = foreign_key(self, model, self.key_name)
        where = sql.SQL(
            "OLD.{} IS NOT NULL AND NOT EXISTS (\n"
            "SELECT FROM {} AS required WHERE required.{} = OLD.{} AND ({}))"
        ).format(
            column_identifier(key),
            table(key.related_model),
            column_identifier(key.target_field),
            column_identifier(key),
            sql.SQL(self._required().render(key.related_model, Rows(new="required"))),
        )
        return Standing(KEPT, ROW_VARIABLES.old, where.as_string())

    def refusal(self, model: type[Model]) -> Refusal:
        key = foreign_key(self, model, self.key_name)
        words = self._words(model)
        return Refusal(
            rule=RequirementError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"This is allowed only while {words} in the {key.name} that the row refers to.",
            message=lambda rows: sql.Literal(
                f"pgtrigger: The {key.name} of a row of {model._meta.db_table} does not allow this"
            ),
            detail=lambda rows: Detail(field=sql.Literal(key.name)),
            column=lambda rows: sql.Literal(key.column),
        )

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        key = foreign_key(self, model, self.key_name)
        if row is None or row.pk is None:
            return NOTHING
        stored = model._base_manager.using(row._state.db).filter(pk=row.pk)
        is_met = models.Q((f"{key.name}__isnull", True)) | models.Q(
            (f"{key.name}__{self.rest}", self.value)
        )
        if stored.filter(is_met).exists():
            return NOTHING
        operations = self.operation.names if self.operation else []
        every = frozenset(field.name for field in columns_of(model))
        return Forecast(
            every if "UPDATE" in operations else frozenset(),
            is_deletable="DELETE" not in operations,
        )

    def _required(self) -> Any:
        return of_side(models.Q((self.rest, self.value)), NEW)
