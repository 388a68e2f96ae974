"""Reading and writing in a large event table, compared with one of 10,000 events.

Plain, with 3 and with 50 partitions: ``python -m bench --only history_sizes --events 10000000``.
The pages are those of the admin, with Django's test client. The queries of these pages are measured
by themselves too, without a bound.
"""

from __future__ import annotations

import functools
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import connections, models
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse

import pghistory
from bench.rounds import Report, Target, Turn, benchmark
from bench.sized_tables import BEGIN, EVENTS_OF_ONE, OneSize, Size, tables
from pghistory.admin.presenting import PAGE_SIZE
from pghistory.keeping import partition_care
from pghistory.models import Events

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_EVENTS = 200_000
AT_MOST = 1.2
ROUNDS, WRITES, WRITERS = 11, 500, 4


@benchmark
def reading_and_writing(report: Report) -> None:
    """Pages, as_of() and change sets; writes; removing the oldest partition."""
    events = report.events or (DEFAULT_EVENTS // 10 if report.quick else DEFAULT_EVENTS)
    router = OneSize()
    with tables(events) as sizes, override_settings(DATABASE_ROUTERS=[router]):
        _compare_reads(report, router, sizes)
        plain = sizes[1].name
        report.compare(
            f"{WRITES} writes",
            {each.name: Turn(functools.partial(_write, each)) for each in sizes[1:]},
            [Target(each.name, against=plain, at_most=1.10) for each in sizes[2:]],
            rounds=ROUNDS,
        )
        for each in sizes[2:]:
            seconds, pause = _drop_oldest(each)
            # Writers wait for the lock alone; what stays is chosen and copied while they write.
            report.count(f"longest pause of {WRITERS} writers meanwhile, {each.name}", pause, 1.0)
            report.count(f"seconds to choose, copy and remove, {each.name}", seconds, None)


def _compare_reads(report: Report, router: OneSize, sizes: list[Size]) -> None:
    """Each read with only the event tables of its size, as in a project that has no others."""
    client = Client()
    user = get_user_model().objects.create_superuser("reader", "reader@example.org", "reader")
    client.force_login(user)
    for title, (read, at_most) in _reads(client).items():

        def turn(size: Size, read: Callable[[Size], object] = read) -> object:
            router.shown = size
            try:
                return read(size)
            finally:
                router.shown = None

        report.compare(
            title,
            {each.name: Turn(functools.partial(turn, each)) for each in sizes},
            [Target(each.name, against=sizes[0].name, at_most=at_most) for each in sizes[1:]],
            rounds=ROUNDS,
        )
    user.delete()


def _reads(client: Client) -> dict[str, tuple[Callable[[Size], object], float | None]]:
    """Queries by title, each with its bound: a multiple of the small table's time."""
    return {
        "timeline page": (functools.partial(_timeline_page, client), AT_MOST),
        "admin's first page": (functools.partial(_first_page, client), AT_MOST),
        "as_of() of one object": (_as_of, AT_MOST),
        "as_of() with select_related": (_select_related, AT_MOST),
        "as_of() with a reverse set": (_reverse_set, AT_MOST),
        "ChangeSet.of() and its events": (_change_set, AT_MOST),
        "query of the timeline alone": (_timeline, None),
        "query of the first page alone": (_page, None),
    }


def _timeline_page(client: Client, size: Size) -> object:
    address = reverse("admin:pghistory_timeline", args=[size.thing._meta.label, _middle(size)])
    response = client.get(address)
    assert response.content.count(b"amount") >= EVENTS_OF_ONE - 1, response
    return response


def _first_page(client: Client, size: Size) -> object:
    address = reverse("admin:pghistory_events_changelist")
    response = client.get(address, {"model": size.thing._meta.label})
    assert response.content.count(b"amount") >= PAGE_SIZE, response
    return response


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
