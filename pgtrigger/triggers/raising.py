"""Raise an error for rows that meet the condition of a rule.

At row level the condition is the trigger's WHEN, so that a write that keeps the rule does not call
the function. At statement level the function looks for one refused row in the transition tables.

If the refusal ``reports``, the statements record it instead: see ``triggers.reporting``.

https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psycopg import sql

from pgtrigger.errors import SQLSTATE, Detail
from pgtrigger.sql.function_body import Body, Quoted
from pgtrigger.triggers import pairing, reporting
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, ROW_VARIABLES, Rows, columns_of, key_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model

    from pgtrigger.vocabulary.conditions import Condition

REFUSAL = "pgtrigger_refusal"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """The error that a rule raises. Its callables return SQL over the rows they are given.

    If it ``reports``, the error is recorded, and the function continues after the statements.
    """

    rule: str
    uri: str
    name: str
    hint: str
    message: Callable[[Rows], sql.Composable]
    detail: Callable[[Rows], Detail[sql.Composable]] = lambda rows: Detail()
    column: Callable[[Rows], sql.Composable] | None = None
    statement_detail: Detail[sql.Composable] | None = None
    reports: bool = False


def raise_for_row(
    refusal: Refusal, model: type[Model], operations: clauses.Operations
) -> sql.Composable | Body:
    """Return ``RAISE`` for the row of a row-level trigger, or for TRUNCATE without a row."""
    sides = sides_of(operations)
    if clauses.Insert not in operations:
        sides = sides[:1]
    detail = _detail(refusal, model, ROW_VARIABLES, sides, sql.SQL("TG_OP"))
    column = refusal.column(ROW_VARIABLES) if refusal.column else None
    return _raise(refusal, model, refusal.message(ROW_VARIABLES), detail, column)


def raise_for_statement(refusal: Refusal, model: type[Model]) -> sql.Composable | Body:
    """Return ``RAISE`` for a statement; the error does not name a row."""
    return _raise(
        refusal,
        model,
        refusal.message(ROW_VARIABLES),
        _detail(refusal, model, None, [], sql.SQL("TG_OP")),
        refusal.column(ROW_VARIABLES) if refusal.column and refusal.statement_detail else None,
    )


def raise_for_transition_rows(
    refusal: Refusal,
    model: type[Model],
    operation: clauses.Operation,
    condition: Condition | None,
    rows: Rows,
    sides: list[str],
) -> Body:
    """Return statements that look for one refused row in the transition tables and raise for it."""
    message = refusal.message(rows)
    detail = _detail(refusal, model, rows, sides[:1], sql.Literal(operation.name))
    is_text = condition is not None and condition.is_text()
    rows_of_condition = replace(rows, for_text=tuple(sides)) if is_text else rows
    where = sql.SQL(condition.render(model, rows_of_condition) if condition else "true")

    def record(source: sql.Composable, *, planned_anew: bool) -> Body:
        statement = reporting.record_each(model, message, detail, source, where)
        return Body("EXECUTE ", Quoted(statement), ";") if planned_anew else Body(statement, ";")

    if refusal.reports:
        recording = _of_sides(
            model,
            rows,
            sides,
            one=lambda source: record(source, planned_anew=is_text),
            many=lambda pairs: record(pairs, planned_anew=True),
        )
        return Body(recording, "\nRETURN NULL;")

    selected = sql.SQL("{} AS message, {} AS detail").format(message, detail)
    if refusal.column:
        selected += sql.SQL(", {} AS column_name").format(refusal.column(rows))
    found = sql.SQL("SELECT {} FROM {} WHERE {} LIMIT 1")

    def first(source: sql.Composable) -> Body:
        query = found.format(selected, source, where)
        return _execute(query) if is_text else Body(_into(query))

    search = _of_sides(
        model,
        rows,
        sides,
        one=first,
        many=lambda pairs: _execute(_FIRST_OF_ALL.format(selected, pairs, where)),
    )
    return Body(search, *_raise_if_found(refusal, model))


def _raise_if_found(refusal: Refusal, model: type[Model]) -> Iterator[str | sql.Composable | Body]:
    message = sql.SQL(f"{REFUSAL}.message")
    detail = sql.SQL(f"{REFUSAL}.detail")
    column = sql.SQL(f"{REFUSAL}.column_name") if refusal.column else None
    yield f"\nIF {REFUSAL}.detail IS NOT NULL THEN\n"
    yield _raise(refusal, model, message, detail, column)
    yield "\nEND IF;\nRETURN NULL;"


def _of_sides(
    model: type[Model],
    rows: Rows,
    sides: list[str],
    one: Callable[[sql.Composable], Body],
    many: Callable[[sql.Composable], Body],
) -> Body:
    """The statement on one transition table, or on both, paired."""
    if len(sides) == 1:
        return one(sql.SQL(rows.alias(sides[0])))
    pairs = pairing.pairs(model, rows)
    return pairing.choose(model, rows, one(pairs.one), many(pairs.by_key), many(pairs.by_ordinal))


def sides_of(operations: clauses.Operations) -> list[str]:
    """Return the sides, OLD or NEW, that the operations have; the first names the refused row."""
    if clauses.Truncate in operations:
        return []
    sides = [] if operations.names == ["INSERT"] else [OLD]
    return sides if operations.names == ["DELETE"] else [*sides, NEW]


def sides_to_search(sides: list[str], condition: Condition | None, model: type[Model]) -> list[str]:
    """Return the sides that the condition reads; the first of ``sides`` without a condition."""
    if condition is None:
        return sides[:1]
    if condition.is_text():
        return sides
    read = condition.sides(model)
    return [side for side in (OLD, NEW) if side in read] or sides


# LIMIT alone would make the planner expect to find a row soon, and choose a nested loop. The query
# inside WITH is planned for all of its rows, and still run only until the first is there.
_FIRST_OF_ALL = sql.SQL(
    "WITH refused AS MATERIALIZED (SELECT {} FROM {} WHERE {}) SELECT * FROM refused LIMIT 1"
)


def _detail(
    refusal: Refusal,
    model: type[Model],
    rows: Rows | None,
    sides: list[str],
    operation: sql.Composable,
) -> sql.Composable:
    if rows and sides:
        detail = replace(refusal.detail(rows), key=key(model, rows, sides))
    else:
        detail = refusal.statement_detail or Detail()
    return replace(
        detail, rule=sql.Literal(refusal.rule), uri=sql.Literal(refusal.uri), operation=operation
    ).to_sql()


def key(model: type[Model], rows: Rows, sides: list[str]) -> sql.Composable:
    """Return the refused row's primary key as JSON by attname, of OLD if the row has it."""
    own = columns_of(model)
    pairs = [
        sql.SQL("{}, {}").format(
            sql.Literal(field.attname),
            _coalesce([rows.column(side, field) for side in sides]),
        )
        for field in key_fields(model)
        if field in own
    ]
    return sql.SQL("pg_catalog.json_build_object({})").format(sql.SQL(", ").join(pairs))


def _coalesce(values: list[sql.Composable]) -> sql.Composable:
    return sql.SQL("COALESCE({})").format(sql.SQL(", ").join(values)) if values[1:] else values[0]


def _raise(
    refusal: Refusal,
    model: type[Model],
    message: sql.Composable,
    detail: sql.Composable,
    column: sql.Composable | None,
) -> sql.Composable | Body:
    if refusal.reports:
        return reporting.record(model, message, detail)
    options = {
        "ERRCODE": sql.Literal(SQLSTATE),
        "MESSAGE": message,
        "DETAIL": detail,
        "HINT": sql.Literal(refusal.hint),
        "SCHEMA": sql.SQL("TG_TABLE_SCHEMA"),
        "TABLE": sql.Literal(model._meta.db_table),
        "CONSTRAINT": sql.Literal(refusal.name),
    }
    if column:
        options["COLUMN"] = column
    rendered = [
        sql.SQL("        {} = {}").format(sql.SQL(name), value) for name, value in options.items()
    ]
    return sql.SQL("    RAISE EXCEPTION USING\n{};").format(sql.SQL(",\n").join(rendered))


def _execute(query: sql.Composable) -> Body:
    return Body("EXECUTE ", Quoted(Body(query)), f" INTO {REFUSAL};")


def _into(query: sql.Composable) -> sql.Composable:
    return sql.SQL("{} INTO {};").format(query, sql.SQL(REFUSAL))
