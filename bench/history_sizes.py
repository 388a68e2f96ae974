"""Reading and writing in a large event table, compared with one of 10,000 events.

Plain, with 3 and with 50 partitions: ``python -m bench --only history_sizes --events 10000000``.
The events are loaded by COPY.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, connections, models
from psycopg import sql

import pghistory
import pgtrigger
from bench.declared import forget
from bench.rounds import Report, Target, Turn, benchmark
from pghistory.keeping import partition_care, partitioning, partitions
from pghistory.models import Events
from pghistory.past import migrating, views
from pghistory.tracking import event_models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL = 10_000
DEFAULT_EVENTS = 200_000
EVENTS_OF_ONE = 20
ROUNDS, WRITES, WRITERS = 11, 500, 4
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
ALL = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())


class Owner(models.Model):
    name = models.TextField()

    class Meta:
        abstract = True
        app_label = "bench"


class Thing(models.Model):
    amount = models.IntegerField(default=0)
    title = models.TextField(default="A title of ordinary length")

    class Meta:
        abstract = True
        app_label = "bench"


@dataclass(frozen=True)
class Size:
    """A table of things with its events, and one of their owners."""

    name: str
    events: int
    parts: int
    owner: Any
    thing: Any

    @property
    def table(self) -> str:
        return str(self.thing.pgh_event_model._meta.db_table)

    @property
    def objects(self) -> int:
        return self.events // EVENTS_OF_ONE

    @property
    def then(self) -> datetime:
        """A time at which about half of the events had been written."""
        return BEGIN + timedelta(seconds=self.events // 2)


@benchmark
def reading_and_writing(report: Report) -> None:
    """The timeline, a page, as_of() and change sets; writes; dropping the oldest partition."""
    with tables(report) as sizes:
        small = sizes[0].name
        for title, read in _reads().items():
            report.compare(
                title,
                {each.name: Turn(functools.partial(read, each)) for each in sizes},
                [Target(each.name, against=small, at_most=1.2) for each in sizes[1:]],
                rounds=ROUNDS,
            )
        plain = sizes[1].name
        report.compare(
            f"{WRITES} writes",
            {each.name: Turn(functools.partial(_write, each)) for each in sizes[1:]},
            [Target(each.name, against=plain, at_most=1.10) for each in sizes[2:]],
            rounds=ROUNDS,
        )
        for each in sizes[2:]:
            seconds, writes = _drop_oldest(each)
            report.count(f"seconds to remove the oldest partition, {each.name}", seconds, 1.0)
            report.count(f"longest pause of a writer in seconds, {each.name}", writes, 1.0)


def _reads() -> dict[str, Callable[[Size], object]]:
    return {
        "timeline of an object": _timeline,
        "first page of the events": _page,
        "as_of() of one object": _as_of,
        "as_of() with select_related": _select_related,
        "as_of() with a reverse set": _reverse_set,
        "ChangeSet.of() and its events": _change_set,
    }


def _middle(size: Size) -> int:
    return max(1, size.objects // 2)


def _timeline(size: Size) -> object:
    obj = size.thing(pk=_middle(size))
    return list(Events.objects.tracks(obj).order_by("-pgh_id").values_list("pgh_id", "pgh_diff"))


def _page(size: Size) -> object:
    events = Events.objects.across(size.thing).order_by("-pgh_created_at")
    return list(events.values_list("pgh_id", "pgh_diff")[:100])


def _as_of(size: Size) -> object:
    with pghistory.as_of(size.then, untracked="today"):
        return size.thing.objects.get(pk=_middle(size))


def _select_related(size: Size) -> object:
    with pghistory.as_of(size.then, untracked="today"):
        return size.thing.objects.select_related("owner").get(pk=_middle(size)).owner


def _reverse_set(size: Size) -> object:
    with pghistory.as_of(size.then, untracked="today"):
        return list(size.thing.objects.filter(owner_id=_middle(size)))


def _change_set(size: Size) -> object:
    event = size.thing.pgh_event_model.objects.get(pk=size.events // 2)
    return pghistory.ChangeSet.of(event).events()


def _write(size: Size) -> object:
    for key in range(1, WRITES + 1):
        size.thing.objects.filter(pk=key).update(amount=models.F("amount") + 1)
    return None


def _drop_oldest(size: Size) -> tuple[float, float]:
    """The seconds that removing the oldest partition took, and the longest pause of a writer."""
    ended = threading.Event()
    pauses: list[float] = []

    def write(number: int) -> None:
        try:
            while not ended.is_set():
                began = time.perf_counter()
                size.thing.objects.filter(pk=number + 1).update(amount=models.F("amount") + 1)
                pauses.append(time.perf_counter() - began)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        care = partition_care.Care(size.thing.pgh_event_model, "default")
        oldest = care.found.ranges[0]
        last = BEGIN + timedelta(seconds=int(oldest.upper or 0))
        began = time.perf_counter()
        next(iter(care.remove(last)))
        seconds = time.perf_counter() - began
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    return seconds, max(pauses)


@contextlib.contextmanager
def tables(report: Report) -> Iterator[list[Size]]:
    """The small table, and the large ones: plain, with 3 and with 50 partitions."""
    events = report.events or (DEFAULT_EVENTS // 10 if report.quick else DEFAULT_EVENTS)
    wanted = [
        ("small", SMALL, 0),
        ("plain", events, 0),
        ("three", events, 3),
        ("fifty", events, 50),
    ]
    sizes = [_declared(f"{events:,} events, {name}", name, events, parts)
             for name, events, parts in wanted]  # fmt: skip
    models_of = [model for each in sizes for model in (each.owner, each.thing)]
    made = [each for model in models_of for each in (model, model.pgh_event_model)]
    try:
        with connection.schema_editor() as editor:
            for model in made:
                editor.create_model(model)
        for each in sizes:
            if each.parts:
                partitioning.convert(
                    each.thing.pgh_event_model, events // each.parts + 1, "default"
                )
            _fill(each)
        migrating.after_migrate("default")
        yield sizes
    finally:
        views.set_aside("default")
        with connection.schema_editor() as editor:
            for model in reversed(made):
                editor.delete_model(model)
        for model in models_of:
            event_models.forget(model.pgh_event_model)
        forget(made)


def _declared(name: str, suffix: str, events: int, parts: int) -> Size:
    meta = type("Meta", (), {"app_label": "bench"})
    attributes = {"__module__": __name__, "Meta": meta}
    owner = pghistory.track(*ALL)(type(f"Owner{suffix.title()}", (Owner,), dict(attributes)))
    key = models.ForeignKey(owner, models.CASCADE, related_name="+")
    thing = pghistory.track(*ALL)(
        type(f"Thing{suffix.title()}", (Thing,), {**attributes, "owner": key})
    )
    return Size(name, events, parts, owner, thing)


def _fill(size: Size) -> None:
    """Load events: each object is inserted and then updated, a second apart from the one before."""
    if size.parts:
        care = partition_care.Care(size.thing.pgh_event_model, "default")
        while care.found.end <= size.events:
            care.create(care.found.ahead_of(0) + 1)
    owners = ((key, f"Owner {key}") for key in range(1, size.objects + 1))
    things = ((key, 1, "A title of ordinary length", key) for key in range(1, size.objects + 1))
    with pgtrigger.ignore():
        _copy(size.owner._meta.db_table, "id, name", owners)
        _copy(size.thing._meta.db_table, "id, amount, title, owner_id", things)
    _copy(
        size.owner.pgh_event_model._meta.db_table,
        "pgh_id, pgh_created_at, pgh_label, pgh_obj_id, id, name, pgh_xact, pgh_xact_at",
        (
            (key, BEGIN, "insert", key, key, f"Owner {key}", key, BEGIN)
            for key in range(1, size.objects + 1)
        ),
    )
    _copy(size.table, _EVENT_COLUMNS, _events(size))
    with connection.cursor() as cursor:
        for model in (size.owner, size.thing):
            for each in (model, model.pgh_event_model):
                table = each._meta.db_table
                cursor.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
                cursor.execute(
                    sql.SQL(
                        "SELECT setval(pg_get_serial_sequence(%s, %s), (SELECT max({}) FROM {}))"
                    ).format(sql.Identifier(each._meta.pk.column), sql.Identifier(table)),
                    [table, each._meta.pk.column],
                )
    assert partitions.read(size.table, "default") is None or size.parts


_EVENT_COLUMNS = (
    "pgh_id, pgh_created_at, pgh_label, pgh_obj_id, id, amount, title, owner_id, pgh_xact, "
    "pgh_xact_at"
)


def _events(size: Size) -> Iterator[tuple[Any, ...]]:
    for number in range(size.events):
        key, turn = number % size.objects + 1, number // size.objects
        at = BEGIN + timedelta(seconds=number)
        label = "update" if turn else "insert"
        title = "A title of ordinary length"
        yield (number + 1, at, label, key, key, turn, title, key, number // 10 + 1, at)


def _copy(table: str, columns: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(columns)
        )
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
