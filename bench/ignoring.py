"""What ``ignore()`` costs the saves inside it, with 600 triggers declared."""

from __future__ import annotations

import functools
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from django.db import connection, transaction

import pgtrigger
from bench import wire
from bench.declared import declared, tables, vacuum
from bench.rounds import ROUNDS, Report, Target, Turn, benchmark
from bench.updates import fsm, version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.db.models import Model

    Way = Callable[[], AbstractContextManager[object]]

TRIGGERS = 600
SAVES = 2_000
SAVES_IN_AUTOCOMMIT = 500
ROUNDS_IN_A_TRANSACTION = 41  # a ratio so close to 1 needs many


@contextmanager
def scopes() -> Iterator[dict[str, Way]]:
    """Ways to save, while 600 triggers are declared."""
    with declared(TRIGGERS) as models:
        elsewhere = f"{models[0]._meta.label}:rule_1"
        yield {
            "outside": nullcontext,
            "inside ignore(uri)": lambda: pgtrigger.ignore(elsewhere),
            "inside ignore()": pgtrigger.ignore,
            "inside ignore.others(uri)": lambda: pgtrigger.ignore.others(elsewhere),
        }


@benchmark
def saves_in_a_transaction(report: Report) -> None:
    """On a table without triggers, under a rule, and where each save calls a function."""
    saves = report.size(SAVES)
    for title, triggers in (
        ("no trigger", []),
        ("a rule", [fsm(pgtrigger.Row)]),
        ("a function that is called", [version(pgtrigger.Row)]),
    ):
        with tables(triggers, rows=1) as (model,), scopes() as ways:
            compare(
                report,
                f"{saves:,} saves in a transaction, {title}",
                {
                    name: functools.partial(save_in_a_transaction, model, way, saves)
                    for name, way in ways.items()
                },
                model,
                at_most=1.03,
                rounds=ROUNDS_IN_A_TRANSACTION,
            )


@benchmark
def saves_in_autocommit(report: Report) -> None:
    saves = report.size(SAVES_IN_AUTOCOMMIT)
    with tables([fsm(pgtrigger.Row)], rows=1) as (model,), scopes() as ways:
        for title, commit in (("", "on"), (", synchronous_commit off", "off")):
            with synchronous_commit(commit):
                compare(
                    report,
                    f"{saves:,} saves in autocommit{title}",
                    {
                        name: functools.partial(save_in_autocommit, model, way, saves)
                        for name, way in ways.items()
                    },
                    model,
                    at_most=1.5,
                )


@benchmark
def statements_sent(report: Report) -> None:
    """In a transaction, ``ignore`` sends its setting when it begins and when it ends."""
    with tables([fsm(pgtrigger.Row)], rows=1) as (model,), scopes() as ways:
        outside = _sent(lambda: save_in_a_transaction(model, ways["outside"], 10))
        for name in ("inside ignore(uri)", "inside ignore()"):
            way = ways[name]
            around = _sent(lambda way=way: save_in_a_transaction(model, way, 10))
            within = _sent(lambda way=way: save_within(model, way, 10))
            report.count(f"more statements, a transaction {name}", around - outside, at_most=1)
            report.count(f"more statements, {name} in a transaction", within - outside, at_most=2)


def compare(
    report: Report,
    title: str,
    work: dict[str, Callable[[], None]],
    model: type[Model],
    at_most: float,
    rounds: int = ROUNDS,
) -> None:
    report.compare(
        title,
        {name: Turn(run, before=functools.partial(vacuum, model)) for name, run in work.items()},
        [
            Target(name, "outside", at_most=None if "others" in name else at_most)
            for name in work
            if name != "outside"
        ],
        rounds=rounds,
    )


def save_in_a_transaction(model: type[Model], way: Way, saves: int) -> None:
    with way(), transaction.atomic():
        _save(model, saves)


def save_within(model: type[Model], way: Way, saves: int) -> None:
    with transaction.atomic(), way():
        _save(model, saves)


def save_in_autocommit(model: type[Model], way: Way, saves: int) -> None:
    with way():
        _save(model, saves)


def _save(model: type[Model], saves: int) -> None:
    saved = model.objects.get()
    for _ in range(saves):
        saved.amount += 1
        saved.save()


def _sent(work: Callable[[], None]) -> int:
    with wire.statements() as sent:
        work()
    return len(sent)


@contextmanager
def synchronous_commit(value: str) -> Iterator[None]:
    """Off, the disk does not hide what a statement more costs."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('synchronous_commit', %s, false)", [value])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")
