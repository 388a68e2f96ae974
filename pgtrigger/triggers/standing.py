"""Find stored rows that break a rule, for ``manage.py pgtrigger try``.

Stored rows can break a rule on every new row, whether it is inserted or updated. A rule on changes
cannot be broken by a row: but it may keep some rows from being changed or deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql

from pgtrigger import naming
from pgtrigger.triggers.forecast import is_change
from pgtrigger.vocabulary.columns import NEW, ROW_VARIABLES, column_identifier, key_fields
from pgtrigger.vocabulary.conditions import Condition, conjuncts

if TYPE_CHECKING:
    from django.db.models import Model

    from pgtrigger.vocabulary import clauses

BREAK, KEPT = "break the rule", "could not be changed or deleted as they are"


@dataclass(frozen=True)
class Standing:
    """The rows that break a rule, or that it keeps as they are.

    Attributes:
        meaning: ``BREAK`` or ``KEPT``.
        alias: the name of the row in ``where``; None if ``query`` has to be run as a whole.
        where: the condition on a stored row.
        query: a query of the keys, each a JSON object, for what is not a condition on one row.
        noun: what each key of ``query`` identifies.
    """

    meaning: str
    alias: str | None = None
    where: str = "true"
    query: sql.Composable | None = None
    noun: str = "rows"


def of_condition(
    model: type[Model], operations: clauses.Operations, condition: Condition | None
) -> Standing | None:
    """Return the Standing of a rule that refuses these operations if the condition is true."""
    names = set(operations.names)
    if {"INSERT", "UPDATE"} <= names:
        text = condition.render(model, ROW_VARIABLES) if condition is not None else "true"
        return Standing(BREAK, ROW_VARIABLES.new, text)
    if names <= {"INSERT", "TRUNCATE"}:
        return None
    parts = (
        [part for part in conjuncts(condition) if not is_change(model, part)] if condition else []
    )
    if any(part.is_text() or NEW in part.sides(model) for part in parts):
        return None
    rendered = [f"({part.render(model, ROW_VARIABLES)})" for part in parts]
    return Standing(KEPT, ROW_VARIABLES.old, " AND ".join(rendered) or "true")


def key(model: type[Model], alias: str) -> sql.Composable:
    """The primary key of a row as a JSON object."""
    pairs = [
        sql.SQL("{}, {}.{}").format(
            sql.Literal(field.attname), sql.SQL(alias), column_identifier(field)
        )
        for field in key_fields(model)
    ]
    return sql.SQL("pg_catalog.json_build_object({})").format(sql.SQL(", ").join(pairs))


def table(model: type[Model]) -> sql.Composable:
    """The model's table."""
    return naming.table_identifier(model._meta.db_table)
