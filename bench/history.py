"""Events, against triggers that an expert wrote by hand; contexts; timelines."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

import pghistory
from bench.history_tables import LEVELS, StatementItem, empty_events, fill, tables
from bench.rounds import Report, Target, Turn, benchmark
from pghistory.models import Events

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, SAVES, ROUNDS = 50_000, 2_000, 11
WORK = "tracked", "by hand"


@benchmark
def bulk(report: Report) -> None:
    """bulk_create, update and delete of many rows."""
    rows = report.size(ROWS)
    with tables():
        for level, models in LEVELS.items():
            for title, run, filled in (
                ("bulk_create", functools.partial(_bulk_create, rows), 0),
                ("update", _update, rows),
                ("delete", _delete, rows),
            ):
                turns = {
                    name: Turn(
                        functools.partial(run, model), before=functools.partial(fill, model, filled)
                    )
                    for name, model in zip(WORK, models, strict=True)
                }
                report.compare(
                    f"{title} of {rows:,} tracked rows, {level} level",
                    turns,
                    [Target(*WORK, at_most=1.10)],
                    rounds=ROUNDS,
                )


@benchmark
def saves(report: Report) -> None:
    """One save after another, in a transaction."""
    count = report.size(SAVES)
    with tables():
        for level, models in LEVELS.items():
            for model in models:
                fill(model, count)
            turns = {
                name: Turn(
                    functools.partial(_save, model, list(model.objects.all())),
                    before=functools.partial(empty_events, model),
                )
                for name, model in zip(WORK, models, strict=True)
            }
            report.compare(
                f"{count:,} tracked saves, {level} level",
                turns,
                [Target(*WORK, at_most=1.05)],
            )


@benchmark
@tables()
def contexts(report: Report) -> None:
    """The same work inside a context, and outside."""
    count = report.size(SAVES)
    for level, (model, _) in LEVELS.items():
        fill(model, count)
        rows = list(model.objects.all())
        for title, act, at_most in (
            (f"{count:,} tracked saves in a transaction, {level} level", _save, 1.05),
            (f"{count:,} tracked saves in autocommit, {level} level", _save_each, None),
            (f"{count:,} plain SELECTs, {level} level", _select_each, 1.05),
        ):
            work = functools.partial(act, model, rows)
            before = functools.partial(empty_events, model)
            report.compare(
                title,
                {
                    "in a context": Turn(functools.partial(_in_context, work), before=before),
                    "outside": Turn(work, before=before),
                },
                [Target("in a context", "outside", at_most=at_most)],
                rounds=ROUNDS,
            )


@benchmark
@tables()
def cached_plans(report: Report) -> None:
    """Eight times the rows after a one-row save: see Note [Statement plans] of the engine."""
    few, many = report.size(2_000), report.size(16_000)

    def turn(rows: int) -> Turn:
        def before() -> None:
            fill(StatementItem, rows)
            connection.close()
            StatementItem.objects.first().save()
            _update_one(StatementItem)

        return Turn(functools.partial(_update, StatementItem), before=before)

    report.compare(
        "update after a one-row save, tracked at statement level",
        {f"{many:,} rows": turn(many), f"{few:,} rows": turn(few)},
        [Target(f"{many:,} rows", f"{few:,} rows", at_most=1.3 * 8)],
        rounds=ROUNDS,
    )


@benchmark
@tables()
def timelines(report: Report) -> None:
    """An object's whole timeline with its differences, and a page of everybody's."""
    events = report.size(1_000)
    fill(StatementItem, 200)
    obj = StatementItem.objects.first()
    with transaction.atomic():
        for number in range(events):
            obj.amount = number + 10
            obj.save()
    for number in range(report.size(200)):
        StatementItem.objects.update(version=number + 1)
    table = StatementItem.pgh_event_model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")
    tracked = Events.objects.tracks(obj).order_by("pgh_id").values_list("pgh_id", "pgh_diff")
    report.compare(
        f"timeline of an object with {events:,} events, with differences",
        {
            "Events": Turn(lambda: list(tracked.all())),
            "by hand": Turn(functools.partial(_rows, _TIMELINE.format(table=table), [obj.pk])),
        },
        [Target("Events", "by hand", at_most=1.5)],
    )
    models = [model for pair in LEVELS.values() for model in pair]
    page = Events.objects.across(*models).order_by("-pgh_created_at")
    by_hand = _page([model.pgh_event_model._meta.db_table for model in models])
    report.compare(
        f"page of 100 of the events of {len(models)} tables, with differences",
        {
            "Events": Turn(lambda: list(page.values_list("pgh_id", "pgh_diff")[:100])),
            "by hand": Turn(functools.partial(_rows, by_hand, [])),
        },
        [Target("Events", "by hand", at_most=2)],
    )


_CHANGED = """(
    SELECT jsonb_object_agg(v.name, jsonb_build_array(v.before, v.after))
    FROM (VALUES
        ('id', to_jsonb(p.id), to_jsonb(e.id)),
        ('status', to_jsonb(p.status), to_jsonb(e.status)),
        ('title', to_jsonb(p.title), to_jsonb(e.title)),
        ('amount', to_jsonb(p.amount), to_jsonb(e.amount)),
        ('version', to_jsonb(p.version), to_jsonb(e.version))
    ) AS v(name, before, after)
    WHERE p.pgh_id IS NOT NULL AND v.before IS DISTINCT FROM v.after
)"""
_PREVIOUS = """
    LEFT JOIN LATERAL (
        SELECT * FROM {table} p
        WHERE p.pgh_obj_id = e.pgh_obj_id AND p.pgh_id < e.pgh_id
        ORDER BY p.pgh_id DESC LIMIT 1
    ) p ON true"""
_TIMELINE = (
    f"SELECT e.pgh_id, {_CHANGED} FROM {{table}} e {_PREVIOUS} "
    "WHERE e.pgh_obj_id = %s ORDER BY e.pgh_id"
)


def _page(tables: list[str]) -> str:
    """The newest 100 events of these tables, which have the same columns."""
    newest = " UNION ALL ".join(
        f"(SELECT '{table}' AS model, * FROM {table} ORDER BY pgh_created_at DESC LIMIT 100)"
        for table in tables
    )
    previous = " UNION ALL ".join(
        f"(SELECT * FROM {table} p WHERE e.model = '{table}' AND p.pgh_obj_id = e.pgh_obj_id "
        "AND p.pgh_id < e.pgh_id ORDER BY p.pgh_id DESC LIMIT 1)"
        for table in tables
    )
    return (
        f"SELECT e.pgh_id, {_CHANGED} "
        f"FROM (SELECT * FROM ({newest}) e ORDER BY pgh_created_at DESC LIMIT 100) e "
        f"LEFT JOIN LATERAL ({previous}) p ON true ORDER BY e.pgh_created_at DESC"
    )


def _bulk_create(rows: int, model: Any) -> None:
    model.objects.bulk_create([model() for _ in range(rows)], batch_size=5_000)


def _update(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {model._meta.db_table} SET amount = amount + 1")


def _update_one(model: Any) -> None:
    model.objects.filter(pk=model.objects.first().pk).update(version=-1)


def _delete(model: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table}")


def _save(model: Any, rows: list[Any]) -> None:
    with transaction.atomic():
        _save_each(model, rows)


def _save_each(model: Any, rows: list[Any]) -> None:
    for row in rows:
        row.amount += 1
        row.save()


def _select_each(model: Any, rows: list[Any]) -> None:
    for row in rows:
        model.objects.filter(pk=row.pk).values_list("amount").get()


def _in_context(work: Callable[[], None]) -> None:
    with pghistory.context(user=1, url="/items/"):
        work()


def _rows(query: str, params: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return list(cursor.fetchall())
