"""The cost of qualified names and of a function's search_path: see Note [Names in functions]."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from bench.declared import execute
from bench.history_tables import LEVELS, empty_events, fill, tables
from bench.rounds import Report, Target, Turn, benchmark

if TYPE_CHECKING:
    from django.db.models import Model

ROWS, SAVES, ROUNDS = 20_000, 2_000, 11
WORK = "qualified", "by name"

_DEFINITIONS = """
    SELECT pg_get_functiondef(p.oid) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal
"""
_OPERATOR = re.compile(r"OPERATOR\(pg_catalog\.([^)]+)\)")
_SEARCH_PATH = re.compile(r"^ SET search_path TO .*\n", re.MULTILINE)


@benchmark
@tables()
def names_in_functions(report: Report) -> None:
    """An update of many rows and single saves, with the functions as they are and without."""
    rows, saves = report.size(ROWS), report.size(SAVES)
    for level, (model, _) in LEVELS.items():
        fill(model, rows)
        definitions = _definitions(model)
        versions = {
            "qualified": definitions,
            "by name": [_by_name(definition) for definition in definitions],
        }
        objects = list(model.objects.all()[:saves])  # type: ignore[attr-defined]
        for title, run in (
            (f"update of {rows:,} tracked rows", functools.partial(_update, model)),
            (f"{saves:,} tracked saves", functools.partial(_save, objects)),
        ):
            report.compare(
                f"{title}, names in functions, {level} level",
                {
                    name: Turn(run, before=functools.partial(_use, model, versions[name]))
                    for name in WORK
                },
                [Target(*WORK, at_most=1.05)],
                rounds=ROUNDS,
            )


def _definitions(model: type[Model]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_DEFINITIONS, [model._meta.db_table])
        return [definition for (definition,) in cursor.fetchall()]


def _by_name(definition: str) -> str:
    """The function without schemas of types, functions and operators, and without search_path."""
    bare = _SEARCH_PATH.sub("", _OPERATOR.sub(r"\1", definition))
    return bare.replace("pg_catalog.", "")


def _use(model: type[Model], definitions: list[str]) -> None:
    with connection.cursor() as cursor:
        for definition in definitions:
            cursor.execute(definition)
    empty_events(model)


def _update(model: type[Model]) -> None:
    execute("UPDATE {table} SET amount = amount + 1", table=model._meta.db_table)


def _save(objects: list[Any]) -> None:
    with transaction.atomic():
        for each in objects:
            each.amount += 1
            each.save()
