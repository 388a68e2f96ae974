"""Statement-level rules stay linear, whatever ran before on the connection.

See Note [Statement plans] in pgtrigger.pairing: eight times the rows shall not cost sixty-four
times as much, neither on a fresh connection nor after a one-row save, whose plan PL/pgSQL keeps.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from django.db import connection

import pgtrigger
from bench.declared import execute, tables, vacuum
from bench.rounds import Report, Target, Turn, benchmark
from bench.updates import PUBLISH_ALL, SAVE_ALL, fsm, read_only

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

FEW, MANY = 2_000, 16_000
ROUNDS = 11


def protect_joined(level: pgtrigger.Level) -> pgtrigger.Trigger:
    """A condition on both rows, so that they must be paired."""
    return pgtrigger.Protect(
        name="protect",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__amount__gt=pgtrigger.F("new__amount")),
        level=level,
    )


@benchmark
def statement_level_is_linear(report: Report) -> None:
    few, many = report.size(FEW), report.size(MANY)
    rules = {
        "FSM": (fsm, PUBLISH_ALL),
        "ReadOnly": (read_only, SAVE_ALL),
        "Protect of both rows": (protect_joined, SAVE_ALL),
    }
    for title, (declare, statement) in rules.items():
        with (
            tables([declare(pgtrigger.Statement)], rows=few) as (small,),
            tables([declare(pgtrigger.Statement)], rows=many) as (large,),
        ):
            for connected, prepare in (
                ("on a fresh connection", reconnect),
                ("after a one-row save", reconnect_and_save),
            ):
                report.compare(
                    f"update under {title} at statement level, {connected}",
                    {
                        f"{many:,} rows": _turn(large, statement, prepare),
                        f"{few:,} rows": _turn(small, statement, prepare),
                    },
                    [Target(f"{many:,} rows", f"{few:,} rows", at_most=1.3 * many / few)],
                    rounds=ROUNDS,
                )


def reconnect(model: type[Model]) -> None:
    vacuum(model)
    connection.close()
    connection.ensure_connection()


def reconnect_and_save(model: type[Model]) -> None:
    reconnect(model)
    model.objects.order_by("pk")[0].save()


def _turn(model: type[Model], statement: str, prepare: Callable[[type[Model]], None]) -> Turn:
    return Turn(
        functools.partial(execute, statement, table=model._meta.db_table),
        before=functools.partial(prepare, model),
    )
