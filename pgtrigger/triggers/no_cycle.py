"""``NoCycle``: rows that refer to rows of the same table form trees.

Two concurrent moves can form a cycle although neither sees the other. Therefore each move locks all
ancestors of its new place. A cycle contains every moved row, so one of the moves finds a row that
another transaction has changed: it waits for that transaction, sees the row, or must be repeated.
In report mode nothing is locked.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-ROWS
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import CycleError, Detail
from pgtrigger.sql.function_body import Body, Quoted, Relation
from pgtrigger.triggers.declaration import GENERATED, Declaration
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.relations import foreign_key, has_value
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import BREAK, Standing, table
from pgtrigger.triggers.standing import key as key_of
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, ROW_VARIABLES, column_identifier
from pgtrigger.vocabulary.conditions import AnyChange, Condition, Q

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db import models
    from django.db.models import Model

    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.rule import RuleOptions
    from pgtrigger.triggers.trigger import Trigger

_SUFFIX = "_insert"


class NoCycle(Rule):
    """Refuses a row that would be its own ancestor: ``pgtrigger.NoCycle("parent")``."""

    when = clauses.After
    operation = clauses.Update
    fixed = GENERATED | {
        "operation": "an INSERT and an UPDATE can each form a cycle, so it fires after both",
        "level": "it follows the ancestors of each row",
        "when": "it follows the ancestors of a row that is stored",
        "search_path": "every name of its function is qualified",
        "writes": "it sets no field",
    }

    def __init__(self, parent: str, /, **options: Unpack[RuleOptions]):
        self._validate_field_name("parent", parent)
        options.setdefault("name", f"no_cycle_{parent}"[: naming.MAX_NAME_LENGTH - len(_SUFFIX)])
        options["field"] = options.get("field") or parent
        self.parent = parent
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation == clauses.Insert:
            return ()
        return [self._part(_SUFFIX, clauses.Insert)]

    def get_condition(self, model: type[Model]) -> Condition:
        placed: Condition = Q((f"new__{self.parent}__isnull", False))
        if self.operation == clauses.Update:
            placed = AnyChange(self.parent) & placed
        return placed & self.condition if self.condition is not None else placed

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        return [
            ("pgtrigger_at", "pg_catalog.record"),
            ("pgtrigger_steps", "pg_catalog.int8 := 0"),
            ("pgtrigger_turn", "pg_catalog.int8 := 2"),
        ]

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """Return no path in refuse mode: it costs time for each row, and all names are qualified.

        See Note [Names in functions].
        """
        if self.reports:
            return super().get_search_path(model, func)
        return Declaration.get_search_path(self, model, func)

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        key = foreign_key(self, model, self.parent)
        if key.related_model._meta.concrete_model is not model._meta.concrete_model:
            self._reject(
                f"{model._meta.label}.{key.name} refers to {key.related_model._meta.label}, "
                "expected a foreign key to its own table"
            )
        refuse = Body(
            self._raise_for_row(model),
            "\nEXIT;" if self.reports else "",
        )
        own_table = Relation(model._meta.db_table)
        new_key = ROW_VARIABLES.column(NEW, key.target_field)
        next_is = partial(has_value, key.target_field, alias="pgtrigger_at", column=key.column)
        names = {"parent": column_identifier(key), "key": column_identifier(key.target_field)}
        # The parent of pgtrigger_at is the key of the next ancestor. Its own key is a mark, which
        # moves on after 2, 4, 8 … steps, so that the loop also ends in a cycle that exists already.
        at_key = sql.SQL("pgtrigger_at.{key}").format(**names)
        return Body(
            "pgtrigger_at := NEW;\n",
            self._read_current(key) if self.timing else "",
            "LOOP\nIF ",
            *(next_is(new_key), "\nOR ", next_is(at_key), " THEN\n", refuse, "\nEND IF;\n"),
            "pgtrigger_steps := pgtrigger_steps OPERATOR(pg_catalog.+) 1;\n"
            "IF pgtrigger_steps OPERATOR(pg_catalog.=) pgtrigger_turn THEN\n",
            sql.SQL("pgtrigger_at.{key} := pgtrigger_at.{parent};\n").format(**names),
            "pgtrigger_turn := pgtrigger_turn OPERATOR(pg_catalog.*) 2;\nEND IF;\n",
            sql.SQL("SELECT stored.{parent} INTO pgtrigger_at.{parent} FROM ").format(**names),
            *(own_table, " AS stored\nWHERE "),
            has_value(key.target_field, sql.SQL("pgtrigger_at.{parent}").format(**names)),
            "" if self.reports else " FOR SHARE",
            ";\nIF NOT FOUND AND pg_catalog.row_security_active(",
            *(Quoted(Body(own_table)), "::pg_catalog.regclass) THEN\n", refuse, "\nEND IF;\n"),
            sql.SQL("EXIT WHEN NOT FOUND OR pgtrigger_at.{parent} IS NULL;\n").format(**names),
            "END LOOP;\nRETURN NULL;",
        )

    def _read_current(self, key: models.ForeignKey[Any, Any]) -> Body:
        """Start with the row's current parent: a deferred check is about the row at COMMIT."""
        parent = column_identifier(key)
        return Body(
            sql.SQL("SELECT stored.{0} INTO pgtrigger_at.{0} FROM ").format(parent),
            *(Relation(key.model._meta.db_table), " AS stored\nWHERE "),
            has_value(key.target_field, ROW_VARIABLES.column(NEW, key.target_field)),
            sql.SQL(
                ";\nIF NOT FOUND OR pgtrigger_at.{0} IS NULL THEN\nRETURN NULL;\nEND IF;\n"
            ).format(parent),
        )

    def describe(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ())
        return f"Refuses {operations} that makes a row its own ancestor by {self.parent}."

    def standing(self, model: type[Model]) -> Standing | None:
        """Rows that no root leads to: those of a cycle, and those below one."""
        if self.operation != clauses.Update:
            return None
        parent = foreign_key(self, model, self.parent)
        query = sql.SQL(
            "WITH RECURSIVE reached AS (\n"
            "SELECT root.{key} FROM {table} AS root WHERE root.{parent} IS NULL\n"
            "UNION ALL\n"
            "SELECT child.{key} FROM {table} AS child\n"
            "JOIN reached ON child.{parent} = reached.{key}\n"
            ")\nSELECT {found} FROM {table} AS own\n"
            "WHERE NOT EXISTS (SELECT FROM reached WHERE reached.{key} = own.{key})"
        ).format(
            key=column_identifier(parent.target_field),
            parent=column_identifier(parent),
            table=table(model),
            found=key_of(model, "own"),
        )
        return Standing(BREAK, query=query, noun="rows in or below a cycle")

    def refusal(self, model: type[Model]) -> Refusal:
        key = foreign_key(self, model, self.parent)
        return Refusal(
            rule=CycleError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=(
                f"Follow {key.name} from the new {key.name} upwards: it leads back to the row, or "
                "to a row that row-level security hides from this role."
            ),
            message=lambda rows: sql.Literal(
                f"pgtrigger: A row of {model._meta.db_table} would be its own ancestor"
            ),
            detail=lambda rows: Detail(field=sql.Literal(key.name)),
        )
