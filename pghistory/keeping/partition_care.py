"""Partitions that are created ahead of time, and old ones that are removed.

Note [Kept in a partition]. ``as_of()`` needs the last event of each object, however old: see Note
[Last events] of ``pghistory.keeping.retention``. When a partition is removed, these events move
into a small one that takes its range, with all keys below. They are chosen and copied first, while
others write. Then the event table is locked for the moment in which the partitions change places.
All that is one transaction, so that a run that is killed has done nothing.

PostgreSQL does not detach a partition concurrently beside a default partition.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION
"""

from __future__ import annotations

import gzip
import os
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connections, transaction
from psycopg import errors, sql

from pghistory.keeping import ownership, partitions, retention, runs
from pghistory.keeping.partitions import EventPartition
from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from pghistory.keeping.partitions import Partitions

# How long a lock is waited for, so that others do not queue up behind it for longer, and how often.
_LOCK_TIMEOUT = "500ms"
_LOCK_ATTEMPTS = 40


@dataclass(frozen=True)
class Removed:
    """A partition that was removed: its events, and those of them that stay."""

    partition: str
    events: int
    kept: int
    file: str | None


class CannotRemove(ValueError):
    """Other rows refer to events of a partition."""


@dataclass(frozen=True)
class Care:
    """The partitions of one event model's table.

    Raises:
        ValueError: The table is not partitioned.
    """

    event_model: Any
    using: str

    @property
    def table(self) -> str:
        return str(self.event_model._meta.db_table)

    @property
    def found(self) -> Partitions:
        found = partitions.read(self.table, self.using)
        if found is None:
            raise ValueError(
                f"The table of {self.event_model._meta.label} is not partitioned. Write a migration"
                " with pghistory.operations.Partition: see docs/history/partitions.md."
            )
        return found

    def events_in_default(self) -> int:
        """Return how many events are in the default partition, because their range was missing."""
        return partitions.events_in_default(self.found, self.using)

    def missing(self, ahead: int) -> list[EventPartition]:
        """Return the ranges to create so that ``ahead`` partitions after the newest event exist."""
        found = self.found
        newest = partitions.position(self.table, self.using)
        added: list[EventPartition] = []
        end, schema = found.end, found.ranges[-1].schema
        while found.ahead_of(newest) + sum(each.lower > newest for each in added) < ahead:  # type: ignore[operator]
            name = partitions.name(self.table, end)
            added.append(EventPartition(schema, name, end, end + found.every))
            end += found.every
        return added

    def create(self, ahead: int) -> list[str]:
        """Create the missing partitions, and return their names."""
        created = self.missing(ahead)
        for each in created:
            runs.persist(partial(self._create, each))
        return [each.name for each in created]

    def _create(self, created: EventPartition) -> None:
        with runs.Run(runs.PARTITION, self.event_model, self.using).batch() as cursor:
            cursor.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", ["2s"])
            with ownership.as_owner(self.event_model, self.using):
                partitions.create(self.table, created, self.using)
                partitions.attach(self.table, created, self.using)

    def turn_default_into_range(self) -> str | None:
        """Let a default partition that has events be the next range, and make a new default.

        Its rows are read once while writers wait. Return the name of the range, None if the default
        partition is empty.
        """
        return runs.persist(self._turn) if self.events_in_default() else None

    def _turn(self) -> str | None:
        with (
            runs.Run(runs.PARTITION, self.event_model, self.using).batch() as cursor,
            ownership.as_owner(self.event_model, self.using),
        ):
            lock(self.table, self.using)
            found = self.found
            old = found.default
            assert old is not None
            cursor.execute(sql.SQL("SELECT pg_catalog.max(pgh_id) FROM {}").format(old.identifier))
            (newest,) = cursor.fetchone()
            if newest is None:
                return None
            ranges = (newest - found.end) // found.every + 1
            new = EventPartition(
                old.schema,
                partitions.name(self.table, found.end),
                found.end,
                found.end + ranges * found.every,
            )
            partitions.detach(self.table, old, self.using)
            cursor.execute(
                sql.SQL("ALTER TABLE {} RENAME TO {}").format(
                    old.identifier, sql.Identifier(new.name)
                )
            )
            partitions.attach(self.table, new, self.using)
            partitions.create(self.table, old, self.using)
            partitions.attach(self.table, old, self.using)
            return new.name

    def removable(self, before: datetime) -> list[tuple[EventPartition, datetime | None]]:
        """The oldest partitions whose events are all older than the time, each with its newest.

        Partitions that contain only kept events are left out.
        """
        found = self.found
        position = partitions.position(self.table, self.using)
        chosen: list[tuple[EventPartition, datetime | None]] = []
        for each in found.ranges:
            newest = self._newest([each])
            if int(each.upper or 0) > position or (newest is not None and newest >= before):
                break
            if not self._is_kept(each):
                chosen.append((each, newest))
        return chosen

    def remove(self, before: datetime, export: Path | None = None) -> Iterator[Removed]:
        """Remove the partitions from before a time, the oldest first, and yield what was done.

        Args:
            before: The time.
            export: The directory to write the events of each partition to, as compressed CSV.

        Raises:
            CannotRemove: Other rows refer to events of the partition.
        """
        run = runs.Run(runs.PARTITION, self.event_model, self.using)
        done: list[str] = []
        for partition, _ in self.removable(before):
            removed = runs.persist(partial(self._remove, run, partition, export))
            done.append(removed.partition)
            yield removed
        if done:
            run.finish(partitions=done)

    def _remove(self, run: runs.Run, partition: EventPartition, export: Path | None) -> Removed:
        with (
            run.batch() as cursor,
            ownership.as_owner(self.event_model, self.using),
        ):
            old = [
                each
                for each in self.found.ranges
                if int(each.upper or 0) <= int(partition.upper or 0)
            ]
            for each in old:
                self._reject_references(each)
                # From here on nobody else changes this partition: new events go into other ones.
                cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(each.identifier))
            count = self._count(old)
            file = _export(partition, export, self.using) if export else None
            kept = EventPartition(
                partition.schema, self._kept_name(partition), None, partition.upper
            )
            partitions.create(self.table, kept, self.using)
            newest = self._newest(old)
            before = newest + timedelta(microseconds=1) if newest else None
            stays = self._copy_needed(old, kept, before) if before else 0
            lock(self.table, self.using)
            for each in old:
                partitions.detach(self.table, each, self.using)
                cursor.execute(sql.SQL("DROP TABLE {}").format(each.identifier))
            partitions.attach(self.table, kept, self.using)
            if before is not None:
                run.complete_from(before)
            run.add(count - stays)
        return Removed(partition.name, count - stays, stays, file)

    def _copy_needed(
        self, old: list[EventPartition], kept: EventPartition, before: datetime
    ) -> int:
        """Copy what ``as_of()`` needs of the old partitions, and return how many events."""
        needed = retention.Retention(self.event_model, before, self.using)
        with connections[self.using].cursor() as cursor:
            cursor.execute(
                sql.SQL("INSERT INTO {} ({}) {}").format(
                    kept.identifier,
                    needed.columns,
                    needed.last_of([each.identifier for each in old], int(kept.upper or 0)),
                )
            )
            return int(cursor.rowcount)

    def _newest(self, old: Iterable[EventPartition]) -> datetime | None:
        """The time of the newest event of some partitions, None without events."""
        newest = [
            sql.SQL("(SELECT pg_catalog.max(pgh_created_at) FROM {})").format(each.identifier)
            for each in old
        ]
        with connections[self.using].cursor() as cursor:
            cursor.execute(sql.SQL("SELECT GREATEST({})").format(sql.SQL(", ").join(newest)))
            (found,) = cursor.fetchone()
        return found  # type: ignore[no-any-return]

    def _count(self, old: list[EventPartition]) -> int:
        with connections[self.using].cursor() as cursor:
            counts = []
            for each in old:
                cursor.execute(
                    sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(each.identifier)
                )
                counts.append(int(cursor.fetchone()[0]))
        return sum(counts)

    def _reject_references(self, partition: EventPartition) -> None:
        with connections[self.using].cursor() as cursor:
            for schema, table, column in retention.referring(self.event_model, self.using):
                cursor.execute(
                    sql.SQL("SELECT EXISTS (SELECT FROM {} r JOIN {} e ON e.pgh_id = r.{})").format(
                        sql.Identifier(schema, table),
                        partition.identifier,
                        sql.Identifier(column),
                    )
                )
                if cursor.fetchone()[0]:
                    raise CannotRemove(
                        f"Rows of {table} refer to events in {partition.name} by {column}, so "
                        "it cannot be removed. Delete these rows, or let them refer to newer "
                        "events."
                    )

    def _kept_name(self, partition: EventPartition) -> str:
        return partitions.name(self.table, f"kept_{partition.upper}")

    def _is_kept(self, partition: EventPartition) -> bool:
        return partition.lower is None and partition.name == self._kept_name(partition)


def lock(table: str, using: str) -> None:
    """Lock an event table for the rest of the transaction, trying again if others use it for long.

    Raises:
        OperationalError: Others used it without a pause for half a minute.
    """
    statement = sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE").format(
        naming.table_identifier(table)
    )
    for attempt in range(1, _LOCK_ATTEMPTS + 1):
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                cursor.execute(
                    "SELECT pg_catalog.set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT]
                )
                cursor.execute(statement)
            return
        except OperationalError as error:
            is_timeout = isinstance(error.__cause__, errors.LockNotAvailable)
            if attempt == _LOCK_ATTEMPTS or not is_timeout:
                raise
            time.sleep(0.25)


def _export(partition: EventPartition, directory: Path, using: str) -> str:
    """Write the events of a partition to a file of its name, whole or not at all.

    A file that exists may hold the events of another table's partition of this name, so the new
    one gets a number.

    https://www.postgresql.org/docs/current/sql-copy.html
    """
    path = _unused(directory, partition.name)
    unfinished = path.with_suffix(".unfinished")
    statement = sql.SQL("COPY {} TO STDOUT (FORMAT csv, HEADER)").format(partition.identifier)
    with connections[using].cursor() as cursor, unfinished.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb") as file, cursor.copy(statement) as copy:
            for block in copy:
                file.write(block)
        raw.flush()
        os.fsync(raw.fileno())
    unfinished.replace(path)
    return str(path)


def _unused(directory: Path, name: str) -> Path:
    """Return the path of a file that does not exist."""
    path = directory / f"{name}.csv.gz"
    number = 1
    while path.exists():
        number += 1
        path = directory / f"{name}.{number}.csv.gz"
    return path
