"""Event tables of several sizes, plain and with partitions, each for the benchmark by itself.

The events are loaded by COPY, and indexed afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from psycopg import sql

import pghistory
import pgtrigger
from bench.declared import forget
from pghistory.keeping import partition_care, partitioning, partitions
from pghistory.past import migrating, views
from pghistory.tracking import event_models

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = 10_000
EVENTS_OF_ONE = 20
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


class OneSize:
    """A database router: while ``shown`` is set, the database has the event tables of one size."""

    shown: Size | None = None

    def allow_migrate(self, db: str, app_label: str, model: Any = None, **hints: Any) -> Any:
        tracked = getattr(model, "pgh_tracked_model", None)
        if self.shown is None or tracked is None:
            return None
        return tracked in (self.shown.owner, self.shown.thing)


@contextlib.contextmanager
def tables(events: int) -> Iterator[list[Size]]:
    """The small table, and the large ones: plain, with 3 and with 50 partitions."""
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
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("SET maintenance_work_mem = '512MB'")
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
    keys = range(1, size.objects + 1)
    owners = (f"{key}\tOwner {key}\n" for key in keys)
    things = (f"{key}\t1\tA title of ordinary length\t{key}\n" for key in keys)
    first_events = (
        f"{key}\t{BEGIN}\tinsert\t{key}\t{key}\tOwner {key}\t{key}\t{BEGIN}\n" for key in keys
    )
    with pgtrigger.ignore():
        _copy(size.owner._meta.db_table, "id, name", owners)
        _copy(size.thing._meta.db_table, "id, amount, title, owner_id", things)
    _copy(
        size.owner.pgh_event_model._meta.db_table,
        "pgh_id, pgh_created_at, pgh_label, pgh_obj_id, id, name, pgh_xact, pgh_xact_at",
        first_events,
    )
    with _indexed_afterwards(size.table):
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


def _events(size: Size) -> Iterator[str]:
    title = "A title of ordinary length"
    for number in range(size.events):
        key, turn = number % size.objects + 1, number // size.objects
        at = BEGIN + timedelta(seconds=number)
        label = "update" if turn else "insert"
        yield (
            f"{number + 1}\t{at}\t{label}\t{key}\t{key}\t{turn}\t{title}\t{key}\t"
            f"{number // 10 + 1}\t{at}\n"
        )


@contextlib.contextmanager
def _indexed_afterwards(table: str) -> Iterator[None]:
    """Drop the indexes of a table but its key's, and create them after the block."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
            "WHERE i.indrelid = %s::regclass AND NOT i.indisprimary",
            [table],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(name)))
        yield
        for _, definition in indexes:
            cursor.execute(sql.SQL(definition.replace(" ON ONLY ", " ON ")))


def _copy(table: str, columns: str, lines: Iterator[str]) -> None:
    """Load lines in PostgreSQL's text format."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while block := "".join(itertools.islice(lines, 1_000)):
            copy.write(block)
