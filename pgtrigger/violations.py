"""Read and remove the records of rules in report mode.

See Note [Records without waiting] in ``pgtrigger.database.recording``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Count, Max, Min, Q, Sum

from pgtrigger.models import Violation, ViolationCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

# The fields by which records are grouped.
GROUPS = {
    "rule": ("uri",),
    "key": ("uri", "key"),
    "session": ("uri", "database_role", "application"),
}


@dataclass(frozen=True)
class Group:
    """Records that have the same values of some fields.

    Attributes:
        values: the values by the fields' names.
        records: the number of records.
        counted: the number of violations that were only counted; 0 if the group is not a rule.
        first, last: the times of the first and the last record; None if all were only counted.
    """

    values: dict[str, Any]
    records: int
    counted: int
    first: datetime | None
    last: datetime | None

    @property
    def number(self) -> int:
        """The number of violations, recorded or only counted."""
        return self.records + self.counted


def records(
    *uris: str, since: datetime | None = None, database: str | None = None
) -> QuerySet[Violation]:
    """Return the records of these rules, or of all, the latest first."""
    found = Violation.objects.using(database or DEFAULT_DB_ALIAS)
    return found.filter(_chosen(uris, since, "created_at"))


def groups(
    by: str, *uris: str, since: datetime | None = None, database: str | None = None
) -> Iterator[Group]:
    """Yield the groups of ``GROUPS[by]``, those with the most violations first."""
    names = GROUPS[by]
    counted = _counted(uris, since, database) if by == "rule" else {}
    rows = (
        records(*uris, since=since, database=database)
        .order_by()
        .values(*names)
        .annotate(n=Count("id"), first=Min("created_at"), last=Max("created_at"))
        .order_by("-n", *names)
    )
    found = [
        Group(
            {name: row[name] for name in names},
            row["n"],
            counted.pop(row["uri"], 0),
            row["first"],
            row["last"],
        )
        for row in rows.iterator()
    ]
    found += [Group({"uri": uri}, 0, number, None, None) for uri, number in counted.items()]
    yield from sorted(found, key=lambda group: -group.number)


def remove(
    *uris: str,
    before: datetime | None = None,
    dry_run: bool = False,
    database: str | None = None,
) -> tuple[int, int]:
    """Delete records and counters, or those before a time. Return how many of each.

    The current role must own the tables: the application can only read them, which is enough for
    a dry run.
    """
    alias = database or DEFAULT_DB_ALIAS
    chosen = Q(uri__in=uris) if uris else Q()
    of_time = {"created_at__lt": before} if before else {}
    of_hour = {"hour__lt": before} if before else {}
    records = Violation.objects.using(alias).filter(chosen, **of_time)
    counters = ViolationCount.objects.using(alias).filter(chosen, **of_hour)
    if dry_run:
        return records.count(), counters.count()
    with transaction.atomic(using=alias):
        return records.delete()[0], counters.delete()[0]


def _counted(uris: Sequence[str], since: datetime | None, database: str | None) -> dict[str, int]:
    found = (
        ViolationCount.objects.using(database or DEFAULT_DB_ALIAS)
        .filter(_chosen(uris, since, "hour"), number__gt=0)
        .values("uri")
        .annotate(total=Sum("number"))
    )
    return {row["uri"]: row["total"] for row in found}


def _chosen(uris: Sequence[str], since: datetime | None, time: str) -> Q:
    chosen = Q(uri__in=uris) if uris else Q()
    return chosen & Q((f"{time}__gte", since)) if since else chosen
