"""An UPDATE of 50,000 rows under a trigger that refuses none of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pgtrigger
from bench import by_hand
from bench.declared import execute, tables, vacuum
from bench.rounds import Report, Target, Turn, benchmark

if TYPE_CHECKING:
    from bench.by_hand import Handwritten

ROWS = 50_000
TRANSITIONS = [("draft", "published"), ("published", "draft"), ("published", "withdrawn")]
SAVE_ALL = "UPDATE {table} SET amount = amount + 1"
PUBLISH_ALL = (
    "UPDATE {table} SET status = CASE status WHEN 'draft' THEN 'published' ELSE 'draft' END"
)

Level = pgtrigger.Level
LEVELS = {pgtrigger.Row: "row level", pgtrigger.Statement: "statement level"}


def fsm(level: Level) -> pgtrigger.Trigger:
    return pgtrigger.FSM(name="fsm", field="status", transitions=TRANSITIONS, level=level)


def read_only(level: Level) -> pgtrigger.Trigger:
    return pgtrigger.ReadOnly(name="read_only", fields=["title"], level=level)


def protect(level: Level) -> pgtrigger.Trigger:
    return pgtrigger.Protect(
        name="protect",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__amount__lt=0),
        level=level,
    )


def version(level: Level) -> pgtrigger.Trigger:
    if level == pgtrigger.Row:
        return pgtrigger.Trigger(
            name="version",
            when=pgtrigger.Before,
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange("amount"),
            func="NEW.version := NEW.version + 1; RETURN NEW;",
        )
    return pgtrigger.Composer(
        name="version",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        func=pgtrigger.Func(
            "IF pg_trigger_depth() = 1 THEN\n"
            "    UPDATE {meta.db_table} stored SET version = stored.version + 1\n"
            "    FROM new_values WHERE stored.id = new_values.id;\n"
            "END IF;\n"
            "RETURN NULL;"
        ),
    )


def measure(
    report: Report,
    title: str,
    declare: Callable[[Level], pgtrigger.Trigger],
    handwritten: dict[Level, Handwritten],
    statement: str,
) -> None:
    """The statement without trigger, with the hand-written one, and with the engine's."""
    for level, level_name in LEVELS.items():
        rows = report.size(ROWS)
        with tables([], [], [declare(level)], rows=rows) as (bare, written, engine):
            handwritten[level].install(written._meta.db_table)
            try:
                report.compare(
                    f"update of {rows:,} rows, {title}, {level_name}",
                    {
                        name: Turn(
                            functools.partial(execute, statement, table=model._meta.db_table),
                            before=functools.partial(vacuum, model),
                        )
                        for name, model in (
                            ("no trigger", bare),
                            ("by hand", written),
                            ("pgtrigger", engine),
                        )
                    },
                    [
                        Target("pgtrigger", "by hand", at_most=1.10),
                        Target("pgtrigger", "no trigger"),
                    ],
                )
            finally:
                handwritten[level].drop(written._meta.db_table)


@benchmark
def update_fsm(report: Report) -> None:
    written = {
        pgtrigger.Row: by_hand.FSM_ROW,
        pgtrigger.Statement: by_hand.FSM_STATEMENT,
    }
    measure(report, "FSM", fsm, written, PUBLISH_ALL)


@benchmark
def update_read_only(report: Report) -> None:
    written = {
        pgtrigger.Row: by_hand.READ_ONLY_ROW,
        pgtrigger.Statement: by_hand.READ_ONLY_STATEMENT,
    }
    measure(report, "ReadOnly", read_only, written, SAVE_ALL)


@benchmark
def update_protect(report: Report) -> None:
    written = {
        pgtrigger.Row: by_hand.PROTECT_ROW,
        pgtrigger.Statement: by_hand.PROTECT_STATEMENT,
    }
    measure(report, "Protect", protect, written, SAVE_ALL)


@benchmark
def update_version(report: Report) -> None:
    written = {
        pgtrigger.Row: by_hand.VERSION_ROW,
        pgtrigger.Statement: by_hand.VERSION_STATEMENT,
    }
    measure(report, "version bump", version, written, SAVE_ALL)
