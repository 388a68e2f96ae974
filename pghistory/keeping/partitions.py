"""The partitions of an event table, by ranges of ``pgh_id``.

``pgh_id`` grows with time, so that the oldest events are in the oldest partition, and the primary
key stays as it is. A default partition takes what no range does, so that no write fails.

https://www.postgresql.org/docs/current/ddl-partitioning.html
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import partitions as triggers
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY = "pgh_id"

_BOUNDS = re.compile(r"FROM \('?(-?\d+|MINVALUE)'?\) TO \('?(-?\d+)'?\)")


@dataclass(frozen=True)
class EventPartition:
    """One partition: the events with ``lower <= pgh_id < upper``. Without both it is the default.

    ``lower`` is None in the first one.
    """

    schema: str
    name: str
    lower: int | None
    upper: int | None

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def is_default(self) -> bool:
        return self.upper is None


@dataclass(frozen=True)
class Partitions:
    """All partitions of an event table, ``ranges`` in their order."""

    table: str
    ranges: Sequence[EventPartition]
    default: EventPartition | None

    @property
    def all(self) -> list[EventPartition]:
        return [*self.ranges, *([self.default] if self.default else [])]

    @property
    def every(self) -> int:
        """The number of keys in one partition."""
        last = self.ranges[-1]
        return int(last.upper or 0) - int(last.lower or 0)

    @property
    def end(self) -> int:
        """The key at which the last range ends."""
        return int(self.ranges[-1].upper or 0)

    def ahead_of(self, position: int) -> int:
        """Return how many partitions have no events yet, if the newest key is ``position``."""
        return sum(1 for each in self.ranges if each.lower is not None and each.lower > position)


def read(table: str, using: str) -> Partitions | None:
    """Return the partitions of a table, None if it is not partitioned."""
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "partitions"), [_text(table)])
        found = [_partition(*row) for row in cursor.fetchall()]
    ranges = sorted(
        (each for each in found if not each.is_default), key=lambda each: each.upper or 0
    )
    default = next((each for each in found if each.is_default), None)
    return Partitions(table, ranges, default) if ranges else None


def events_in_default(found: Partitions, using: str) -> int:
    """Return how many events are in the default partition, because their range was missing.

    Read through the table, because partitions do not have separate privileges.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT pg_catalog.count(*) FROM {} WHERE pgh_id >= {}").format(
                naming.table_identifier(found.table), sql.Literal(found.end)
            )
        )
        return int(cursor.fetchone()[0])


def position(table: str, using: str) -> int:
    """Return the newest key that was given to an event or that an event has; 0 without one.

    The application's role may not read the sequence.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "key_sequence"), [_text(table)])
        (sequence,) = cursor.fetchone()
        if sequence is None:
            cursor.execute(
                sql.SQL("SELECT COALESCE(pg_catalog.max(pgh_id), 0) FROM {}").format(
                    naming.table_identifier(table)
                )
            )
        else:
            cursor.execute(
                sql.SQL("SELECT last_value - (NOT is_called)::int FROM {}").format(
                    sql.SQL(sequence)
                )
            )
        return int(cursor.fetchone()[0])


def name(table: str, suffix: str | int) -> str:
    """The name of something that belongs to a table, with a hash if it would be too long."""
    plain = naming.split_table(table)[1]
    whole = f"{plain}_{suffix}"
    if len(whole.encode()) <= naming.MAX_IDENTIFIER_BYTES:
        return whole
    digest = hashlib.sha1(plain.encode(), usedforsecurity=False).hexdigest()[:8]
    room = naming.MAX_IDENTIFIER_BYTES - len(f"_{digest}_{suffix}")
    return f"{plain.encode()[:room].decode(errors='ignore')}_{digest}_{suffix}"


def create(table: str, created: EventPartition, using: str) -> None:
    """Create the table of a partition beside the event table, with its indexes, not attached yet.

    The event table is not locked for that. Nobody but the owner may use a partition directly.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(
                created.identifier, naming.table_identifier(table)
            )
        )
    close(created, using)


def attach(table: str, attached: EventPartition, using: str) -> None:
    """Attach a table as a partition, with the event table's rules on TRUNCATE.

    https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-ATTACH-PARTITION
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} {}").format(
                naming.table_identifier(table), attached.identifier, _bounds(attached)
            )
        )
    copy_triggers(table, using)


def copy_triggers(table: str, using: str) -> None:
    """Install the event table's rules on TRUNCATE on each partition that lacks them."""
    triggers.copy_truncate_triggers(connections[using], table)


def detach(table: str, detached: EventPartition, using: str) -> None:
    """Detach a partition, which locks the whole event table for a moment.

    https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DETACH-PARTITION
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(
                naming.table_identifier(table), detached.identifier
            )
        )


def close(partition: EventPartition, using: str) -> None:
    """Revoke all privileges on a partition from all roles except its owner."""
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "grantees"), [partition.identifier.as_string()])
        for (role,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("REVOKE ALL ON {} FROM {}").format(
                    partition.identifier, sql.Identifier(role) if role else sql.SQL("PUBLIC")
                )
            )


def _bounds(partition: EventPartition) -> sql.Composable:
    if partition.is_default:
        return sql.SQL("DEFAULT")
    lower = sql.SQL("MINVALUE") if partition.lower is None else sql.Literal(partition.lower)
    return sql.SQL("FOR VALUES FROM ({}) TO ({})").format(lower, sql.Literal(partition.upper))


def _partition(schema: str, name: str, bounds: str) -> EventPartition:
    found = _BOUNDS.search(bounds)
    if found is None:
        return EventPartition(schema, name, None, None)
    lower = None if found[1] == "MINVALUE" else int(found[1])
    return EventPartition(schema, name, lower, int(found[2]))


def _text(table: str) -> str:
    return naming.table_identifier(table).as_string()
