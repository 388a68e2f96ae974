"""``AtMost``: a limit of the rows that refer to one parent.

Note [Counting together]. Two transactions that add a row at the same time do not see each other's,
so one must wait for the other. A lock on the parent is not enough at REPEATABLE READ: after the
wait, a transaction still does not see what the other has added, and gets no error. So the parent is
updated, to the values that it already has. Then READ COMMITTED counts what is there after the
wait, and REPEATABLE READ and SERIALIZABLE end with a serialization failure, so that the client
repeats. In report mode no transaction waits, so two that exceed the limit only together are not
reported.

https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import Detail, LimitError
from pgtrigger.sql.function_body import PATH_VARIABLE, Body, Quoted, Relation, within_path
from pgtrigger.triggers import raising
from pgtrigger.triggers.declaration import GENERATED, Declaration, own_path
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.relations import STORED, foreign_key, has_value, not_updated_hint
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import BREAK, Standing, table
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, TRANSITION_TABLES, Rows, column_identifier
from pgtrigger.vocabulary.conditions import of_side
from pgtrigger.vocabulary.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db import models
    from django.db.models import Model

    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.rule import RuleOptions
    from pgtrigger.triggers.trigger import Trigger

_SUFFIX = "_update"


class AtMost(Rule):
    """Refuses a row if more than ``limit`` would refer to one parent.

        pgtrigger.AtMost(10, per="team", where=Q(is_active=True))

    Args:
        limit: the greatest number of rows.
        per: the foreign key to the parent.
        where: count only rows that this condition is true of.
    """

    level = clauses.Statement
    when = clauses.After
    operation = clauses.Insert
    fixed = GENERATED | {
        "operation": "an INSERT and an UPDATE can each make rows too many, so it fires after both",
        "level": "it counts the rows after each statement",
        "when": "it counts the rows after each statement",
        "timing": "it counts the rows after each statement",
        "condition": 'it takes "where", a condition on the rows that count',
        "writes": "it sets no field",
    }

    def __init__(
        self,
        limit: int,
        /,
        *,
        per: str,
        where: models.Q | None = None,
        **options: Unpack[RuleOptions],
    ):
        self.limit, self.per, self.where = limit, per, where
        number: Any = limit
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            self._reject(f"the limit is {limit!r}, expected an integer of at least 1")
        self._validate_field_name("per", per)
        if where is not None:
            self._validate_row_condition("where", where, "Q(is_active=True)")
        longest = naming.MAX_NAME_LENGTH - len(_SUFFIX)
        options.setdefault("name", f"at_most_{limit}_per_{per}"[:longest])
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation != clauses.Insert:
            return ()
        return [self._part(_SUFFIX, clauses.Update)]

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        return [
            ("pgtrigger_parents", "pg_catalog.refcursor"),
            ("pgtrigger_parent", "pg_catalog.record"),
            ("pgtrigger_rows", "pg_catalog.int8"),
            *([PATH_VARIABLE] if self.where else []),
        ]

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        key = foreign_key(self, model, self.per)
        parents = self._growing(model)
        refusal = raising.raise_for_statement(self.declared_refusal(model), model)
        # Without a condition, every name in the queries is qualified.
        path = own_path(model, of_side(self.where, NEW)) if self.where else ()
        within = partial(within_path, path) if path else Body
        parent = sql.SQL("pgtrigger_parent.key")
        count = Body(
            "SELECT pg_catalog.count(*) INTO pgtrigger_rows FROM ",
            *(Relation(model._meta.db_table), " AS stored\nWHERE ", has_value(key, parent)),
            sql.SQL(" AND ({});\n").format(self._counted(model, NEW, STORED)),
        )
        # See Note [Statement plans] and Note [Counting together].
        return Body(
            f"PERFORM 1 FROM {TRANSITION_TABLES.new} OFFSET 1 LIMIT 1;\nIF FOUND THEN\n",
            within("OPEN pgtrigger_parents FOR EXECUTE ", Quoted(Body(parents)), ";\n"),
            "ELSE\n",
            within("OPEN pgtrigger_parents FOR ", parents, ";\n"),
            "END IF;\nLOOP\nFETCH pgtrigger_parents INTO pgtrigger_parent;\n",
            "EXIT WHEN NOT FOUND;\n",
            "" if self.reports else self._wait_for_parent(model, key),
            within(count),
            f"IF pgtrigger_rows OPERATOR(pg_catalog.>) {self.limit} THEN\n",
            *(refusal, "\nEND IF;\nEND LOOP;\nCLOSE pgtrigger_parents;\nRETURN NULL;"),
        )

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """Return the search_path, but no generated one if the function updates the parent.

        See Note [Names in functions].
        """
        if self.reports:
            return super().get_search_path(model, func)
        return Declaration.get_search_path(self, model, func)

    def _wait_for_parent(self, model: type[Model], key: models.ForeignKey[Any, Any]) -> Body:
        """See Note [Counting together]."""
        return Body(
            *("UPDATE ", Relation(key.related_model._meta.db_table)),
            sql.SQL(" AS stored SET {0} = stored.{0}\nWHERE ").format(
                column_identifier(key.target_field)
            ),
            has_value(key.target_field, sql.SQL("pgtrigger_parent.key")),
            ";\nIF NOT FOUND THEN\n",
            self._raise_if_not_updated(model, key.related_model._meta.db_table),
            "\nEND IF;\n",
        )

    def describe(self, model: type[Model]) -> str:
        where = ""
        if self.where:
            words = sentence(of_side(self.where, NEW), model).replace("the new ", "the ")
            where = f" of which {words}"
        operations = " or ".join(self.operation.names if self.operation else ())
        return (
            f"Refuses {operations} that leaves more than {self.limit} rows per {self.per}{where}."
        )

    def standing(self, model: type[Model]) -> Standing | None:
        if self.operation != clauses.Insert:
            return None
        key = foreign_key(self, model, self.per)
        query = sql.SQL(
            "SELECT pg_catalog.json_build_object({}, stored.{per}, 'rows', pg_catalog.count(*))\n"
            "FROM {} AS stored WHERE stored.{per} IS NOT NULL AND ({})\n"
            "GROUP BY stored.{per} HAVING pg_catalog.count(*) > {} ORDER BY stored.{per}"
        ).format(
            sql.Literal(key.attname),
            table(model),
            self._counted(model, NEW, STORED),
            sql.Literal(self.limit),
            per=column_identifier(key),
        )
        return Standing(BREAK, query=query, noun=f"values of {key.name}")

    def refusal(self, model: type[Model]) -> Refusal:
        key = foreign_key(self, model, self.per)
        of_where = " that the rule counts" if self.where else ""
        return Refusal(
            rule=LimitError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"At most {self.limit} rows{of_where} may have the same {key.name}.",
            message=lambda rows: sql.Literal(
                f"pgtrigger: More than {self.limit} rows of {model._meta.db_table} "
                f"have the same {key.name}"
            ),
            statement_detail=Detail(
                field=sql.Literal(key.name),
                limit=sql.Literal(self.limit),
                parent=sql.SQL("pgtrigger_parent.key"),
            ),
            column=lambda rows: sql.Literal(key.column),
        )

    def _growing(self, model: type[Model]) -> sql.Composable:
        """A query of the parents that have more rows after the statement, in the order of keys."""
        key = foreign_key(self, model, self.per)
        sides = [NEW] if self.operation == clauses.Insert else [OLD, NEW]
        rows = [
            sql.SQL("SELECT {} AS key, {} AS change FROM {} WHERE {}").format(
                TRANSITION_TABLES.column(side, key),
                sql.SQL("1" if side == NEW else "OPERATOR(pg_catalog.-) 1"),
                sql.SQL(TRANSITION_TABLES.alias(side)),
                self._counted(model, side, TRANSITION_TABLES),
            )
            for side in sides
        ]
        return sql.SQL(
            "SELECT rows.key FROM (\n{}\n) AS rows WHERE rows.key IS NOT NULL GROUP BY rows.key\n"
            "HAVING pg_catalog.sum(rows.change) OPERATOR(pg_catalog.>) 0 ORDER BY rows.key"
        ).format(sql.SQL("\nUNION ALL\n").join(rows))

    def _counted(self, model: type[Model], side: str, rows: Rows) -> sql.Composable:
        if not self.where:
            return sql.SQL("true")
        return sql.SQL(of_side(self.where, side).render(model, rows))

    def _raise_if_not_updated(self, model: type[Model], table: str) -> sql.Composable | Body:
        refusal = Refusal(
            rule=LimitError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=not_updated_hint(table),
            message=lambda rows: sql.Literal(
                f"pgtrigger: The row of {table} that limits its rows could not be updated"
            ),
        )
        return raising.raise_for_statement(refusal, model)
