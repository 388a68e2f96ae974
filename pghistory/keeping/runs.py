"""Record maintenance: the changes of a run on an event table, and its progress."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import DatabaseError, connections, transaction
from psycopg import errors

from pghistory.vocabulary.field_options import ClockTimestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    Result = TypeVar("Result")

TRACK = "track"
BACKFILL = "backfill"
PRUNE = "prune"
PARTITION = "partition"
ERASE = "erase"

# The first half of the keys of this package's advisory locks; the second is the table's hash.
# https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
_LOCKS = 0x7067_6869

_ATTEMPTS = 10
# A deadlock, a lock that took too long, a row that was referred to meanwhile.
_RETRIED = (errors.DeadlockDetected, errors.LockNotAvailable, errors.ForeignKeyViolation)


def persist(change: Callable[[], Result]) -> Result:
    """Return the result of a change that opens its own transaction; try again after a conflict."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return change()
        except DatabaseError as error:
            if attempt == _ATTEMPTS or not isinstance(error.__cause__, _RETRIED):
                raise
            time.sleep(0.1 * attempt)
    raise AssertionError("unreachable")


class Run:
    """A run of one action on one event table, which a later process may continue.

    ``about`` tells it from other runs of the same action, for example by the object.
    """

    def __init__(self, action: str, event_model: Any, using: str, **about: Any):
        self.action = action
        self.event_table = event_model._meta.db_table
        self.using = using
        self.about = about

    @functools.cached_property
    def record(self) -> Any:
        """The row of the unfinished run, created if there is none."""
        rows = apps.get_model("pghistory.Maintenance").objects.using(self.using)
        identity = {"action": self.action, "event_table": self.event_table}
        unfinished = rows.filter(**identity, finished_at=None, details__contains=self.about)
        details = {"rows": 0, **self.about}
        return unfinished.order_by("pk").first() or rows.create(**identity, details=details)

    @contextlib.contextmanager
    def batch(self) -> Iterator[Any]:
        """Open the transaction of one batch; only one runs at a time for a table.

        READ COMMITTED, so that each statement sees what the batch before has committed.
        https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
        """
        connection = connections[self.using]
        is_outermost = not connection.in_atomic_block
        with transaction.atomic(using=self.using), connection.cursor() as cursor:
            if is_outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor.execute(
                "SELECT pg_catalog.pg_advisory_xact_lock(%s, pg_catalog.hashtext(%s))",
                [_LOCKS, self.event_table],
            )
            yield cursor

    def add(self, rows: int) -> None:
        """Record rows, in the transaction that changes them."""
        self.record.refresh_from_db(using=self.using, fields=["details"])
        self.record.details["rows"] += rows
        self.record.save(using=self.using, update_fields=["details"])

    def complete_from(self, time: datetime) -> None:
        """Record that earlier times cannot be answered, before the first event is removed."""
        known = self.record.complete_from
        self.record.complete_from = max(known, time) if known else time
        self.record.save(using=self.using, update_fields=["complete_from"])

    def complete_from_now(self) -> None:
        """Record that every row has events, and that earlier times cannot be answered."""
        rows = apps.get_model("pghistory.Maintenance").objects.using(self.using)
        rows.filter(event_table=self.event_table, action=TRACK, finished_at=None).update(
            finished_at=ClockTimestamp(), complete_from=ClockTimestamp()
        )
        if self.record.details["rows"]:
            self.record.complete_from = ClockTimestamp()
            self.record.save(using=self.using, update_fields=["complete_from"])

    def finish(self, **details: Any) -> None:
        """Record the end; a run that did nothing leaves no record."""
        if not self.record.details["rows"]:
            self.record.delete(using=self.using)
            return
        self.record.details |= details
        self.record.finished_at = ClockTimestamp()
        self.record.save(using=self.using, update_fields=["details", "finished_at"])
