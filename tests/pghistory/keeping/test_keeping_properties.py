"""Random histories: what retention and erasure leave as it was."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Max
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pghistory
from pghistory.keeping import partition_care, partitions, pruning
from pghistory.models import Maintenance
from tests.pghistory.models import Author, Book, TrackedAuthor
from tests.pghistory.past.test_as_of import answers, steps, take

pytestmark = pytest.mark.django_db(transaction=True)
EVENT_MODELS = [Book.pgh_event_model, TrackedAuthor.pgh_event_model]
histories = st.lists(st.lists(steps, max_size=4), min_size=2, max_size=5)
unhurried = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def begin():
    for model in (Book, Author, *EVENT_MODELS):
        model.objects.all().delete()
    Maintenance.objects.filter(action__in=["prune", "partition"]).delete()


def play(transactions):
    """Write the transactions, and return what ten queries gave after each, with the time."""
    found = []
    for each in transactions:
        with transaction.atomic():
            for step in each:
                take(*step)
        found.append((timezone.now(), answers()))
    return found


@unhurried
@given(histories, st.integers(0, 4), st.integers(1, 3))
def test_as_of_gives_the_same_answers_after_retention(transactions, index, batch):
    begin()
    found = play(transactions)
    before = found[min(index, len(found) - 1)][0]
    removed = 0
    for event_model in EVENT_MODELS:
        removed += pruning.of_events(event_model, before, using="default", batch=batch).run()
    for time, expected in found:
        with pghistory.as_of(time):
            if time >= before:
                assert answers() == expected
            elif removed:
                with pytest.raises(DatabaseError, match=r"is complete from .* on"):
                    answers()
    for event_model in EVENT_MODELS:
        assert pruning.of_events(event_model, before, using="default").count() == 0


@unhurried
@given(histories, st.integers(0, 4))
def test_as_of_gives_the_same_answers_after_partitions_are_removed(
    partitioned, transactions, index
):
    care = partition_care.Care(Book.pgh_event_model, "default")
    if partitions.read(care.table, "default") is None:
        partitioned(Book, every=3)
    begin()
    care.create(4)
    found = play(transactions)
    care.turn_default_into_range()
    for _ in care.remove(found[min(index, len(found) - 1)][0]):
        pass
    removed = Maintenance.objects.filter(action="partition", event_table=care.table)
    before = removed.aggregate(time=Max("complete_from"))["time"]
    for time, expected in found:
        with pghistory.as_of(time):
            if before is None or time >= before:
                assert answers() == expected
            else:
                with pytest.raises(DatabaseError, match=r"is complete from .* on"):
                    answers()


@unhurried
@given(histories, st.integers(1, 4))
def test_erasing_an_object_leaves_the_histories_of_others(transactions, key):
    begin()
    found = play(transactions)
    others = [rows(event_model, key) for event_model in EVENT_MODELS]
    pghistory.erase(Book(pk=key), ["title", "data"])
    pghistory.erase(Author(pk=key), ["name"])
    assert [rows(event_model, key) for event_model in EVENT_MODELS] == others
    assert answers() == found[-1][1]
    assert set(EVENT_MODELS[0].objects.filter(pgh_obj=key).values_list("title", flat=True)) <= {""}


def rows(event_model, key):
    """The events of all objects but one."""
    columns = [field.attname for field in event_model._meta.local_concrete_fields]
    return list(event_model.objects.exclude(pgh_obj=key).order_by("pgh_id").values_list(*columns))


def test_the_time_of_retention_is_the_earliest_that_is_answered():
    begin()
    [(_, _), (time, expected)] = play([[("author", 1, 1)], [("author", 1, 2)]])
    pruning.of_events(EVENT_MODELS[1], time, using="default").run()
    with pghistory.as_of(time):
        assert answers() == expected
    with pghistory.as_of(time - timedelta(microseconds=1)), pytest.raises(DatabaseError):
        answers()
