"""WAL and disk space of events, against the same events of triggers that an expert wrote by hand.

What the events alone cost: the WAL of the same work without any trigger is taken off. The figures
hardly vary, so that the machine may be busy, but nothing else may write to the server meanwhile.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP-TABLE
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from bench.declared import execute
from bench.history_tables import LEVELS, fill, tables
from bench.rounds import Report, benchmark

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, AT_MOST, ROUNDS = 20_000, 1.05, 3


@benchmark
@tables()
def space(report: Report) -> None:
    """Insert, update and delete many rows at once, and one after another."""
    many, few = report.size(ROWS), report.size(ROWS) // 10
    for level, models in LEVELS.items():
        for title, rows, filled, work in (
            (f"bulk_create of {many:,} rows", many, 0, _create),
            (f"update of {many:,} rows", many, many, _update),
            (f"delete of {many:,} rows", many, many, _delete),
            (f"{few:,} saves", few, few, _save),
        ):
            (wal, size), (wal_by_hand, size_by_hand) = [
                _events_of(model, rows, filled, work) for model in models
            ]
            name = f"{title}, {level} level, tracked / by hand"
            report.count(f"WAL of the events: {name}", round(wal / wal_by_hand, 3), AT_MOST)
            report.count(f"event table: {name}", round(size / size_by_hand, 3), AT_MOST)


def _events_of(
    model: Any, rows: int, filled: int, work: Callable[[Any, int], object]
) -> tuple[float, int]:
    """Return the bytes of WAL, and of the event table with its indexes."""
    written = [_bytes_of(model, rows, filled, work) for _ in range(ROUNDS)]
    with_events = statistics.median(wal for wal, _ in written)
    execute("ALTER TABLE {table} DISABLE TRIGGER USER", table=model._meta.db_table)
    plain = statistics.median(_bytes_of(model, rows, filled, work)[0] for _ in range(ROUNDS))
    execute("ALTER TABLE {table} ENABLE TRIGGER USER", table=model._meta.db_table)
    return with_events - plain, written[0][1]


def _bytes_of(
    model: Any, rows: int, filled: int, work: Callable[[Any, int], object]
) -> tuple[int, int]:
    fill(model, filled)
    execute("CHECKPOINT")  # so that each page is written whole once
    before = _ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")
    with transaction.atomic():
        work(model, rows)
    wal = _ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn") - before
    size = _ask("SELECT pg_total_relation_size(%s::regclass)", model.pgh_event_model._meta.db_table)
    return int(wal), int(size)


def _create(model: Any, rows: int) -> None:
    model.objects.bulk_create([model(amount=number) for number in range(rows)], batch_size=5_000)


def _update(model: Any, rows: int) -> None:
    model.objects.update(amount=7)


def _delete(model: Any, rows: int) -> None:
    execute("DELETE FROM {table}", table=model._meta.db_table)


def _save(model: Any, rows: int) -> None:
    for number, row in enumerate(model.objects.order_by("pk")):
        row.amount = -number - 1
        row.save()


def _ask(query: str, *parameters: object) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]
