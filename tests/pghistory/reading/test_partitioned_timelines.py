"""Timelines of partitioned event tables: the same as those of plain ones, of every kind of key."""

import pytest
from django.db import connection, transaction

import pghistory
from pghistory.keeping import partitioning
from pghistory.models import AggregateEvent, Events
from pghistory.past import views
from pghistory.reading import partition_ends
from tests.pghistory.models import (
    Author,
    Cat,
    Dog,
    Employee,
    Member,
    Noted,
    OldRows,
    OneLabel,
    Order,
    OrderLine,
    Parcel,
    RowLevel,
    RowMember,
    Seat,
    SmallKey,
    StatementLevel,
    Tag,
    Ticket,
    TrackedAuthor,
)

pytestmark = pytest.mark.django_db(transaction=True)

# Of each model: the fields of two objects, and the changes of each.
KINDS = {
    RowLevel: ([{"number": 1}, {"number": 2}], [{"number": 3}, {"text": "x"}]),
    StatementLevel: ([{"number": 1}, {"number": 2}], [{"number": 3}, {"text": "x"}]),
    SmallKey: ([{"number": 1}, {"number": 2}], [{"number": 3}]),
    Parcel: ([{"number": 1}, {"number": 2}], [{"number": 3}]),
    Ticket: ([{"key": "ticket_1"}, {"key": "ticket_2"}], [{"title": "a"}, {"title": "b"}]),
    Seat: ([{"row": "a", "number": 1}, {"row": "b", "number": 1}], [{"guest": "x"}]),
    Dog: ([{"name": "a"}, {"name": "b"}], [{"tricks": 1}, {"name": "c", "tricks": 2}]),
    Cat: ([{"name": "a"}, {"name": "b"}], [{"lives": 1}, {"name": "c", "lives": 2}]),
    OldRows: ([{"number": 1}, {"number": 2}], [{"number": 3}, {"number": 4}]),
    OneLabel: ([{"number": 1}, {"number": 2}], [{"number": 3}]),
    Noted: ([{"name": "a"}, {"name": "b"}], [{"name": "c"}, {"name": "d"}]),
    Member: ([{"name": "a"}, {"name": "b"}], [{"password": "x"}, {"name": "c", "pin": 1}]),
    RowMember: ([{"name": "a"}, {"name": "b"}], [{"password": "x"}, {"name": "c", "pin": 1}]),
    Employee: ([{"name": "a"}, {"name": "b"}], [{"code": "x"}, {"name": "c", "salary": 1}]),
    TrackedAuthor: ([{"name": "a"}, {"name": "b"}], [{"name": "c"}, {"name": "d"}]),
    Order: ([{"number": 1}, {"number": 2}], [{"number": 3}]),
}


@pytest.fixture(params=KINDS, ids=lambda model: model.__name__)
def written(request, partitioned):
    """Two objects of a model, one deleted, whose events are in several partitions."""
    model = request.param
    values, changes = KINDS[model]
    care = partitioned(model, every=2)
    care.create(2)
    keys = [model.objects.create(**each).pk for each in values]
    for number, change in enumerate(changes * 4):
        for obj in model.objects.all():
            for name, value in change.items():
                is_text = isinstance(value, str)
                setattr(obj, name, f"{value}{number}{keys.index(obj.pk)}" if is_text else number)
            obj.save()
        if number == 2:
            model.objects.get(pk=keys[0]).delete()
    assert care.events_in_default()
    assert len(care.found.ranges) > 2
    return [model(pk=key) for key in keys]


def everything(objects):
    """Each timeline of the objects, and the newest events of their model."""
    model = type(objects[0])
    found = []
    for timeline in (Events, AggregateEvent):
        for events in (timeline.objects.tracks(*objects), timeline.objects.across(model)):
            rows = events.values_list("pgh_slug", "pgh_data", "pgh_diff", "pgh_obj_id")
            found.append(list(rows.order_by("-pgh_created_at", "-pgh_id")))
            found.append(list(rows.order_by("-pgh_id")[:3]))
            found.append(list(rows.exclude(pgh_diff=None).order_by("pgh_id")))
            found.append(sorted(event.pgh_slug for event in events if event.pgh_data))
            found.append(events.count())
    return found


def test_a_timeline_is_that_of_a_plain_table(written):
    event_model = type(written[0]).pgh_event_model
    partition_ends.forget()
    divided = everything(written)
    assert any(diff for _, _, diff, _ in divided[0])
    views.set_aside("default")
    partitioning.restore(event_model, "default")
    views.install("default")
    partition_ends.forget()
    assert everything(written) == divided


def test_an_end_that_is_out_of_date_changes_nothing(written):
    event_model = type(written[0]).pgh_event_model
    partition_ends.forget()
    expected = everything(written)
    partition_ends.find([event_model], connection)
    for place in partition_ends._known:
        partition_ends._known[place] = (partition_ends._known[place][0], 3)
    assert everything(written) == expected
    partition_ends.forget()


def test_the_rows_of_a_relation_are_in_it(partitioned):
    for model in (Order, OrderLine):
        partitioned(model, every=2)
    partition_ends.forget()
    with transaction.atomic():
        order = Order.objects.create(number=1)
        line = OrderLine.objects.create(order=order, text="a")
        order.tags.add(Tag.objects.create(name="x"))
    key = line.pk
    line.delete()
    diffs = Events.objects.tracks(order).order_by("pgh_created_at").values_list("pgh_diff")
    assert [diff for (diff,) in diffs][1:] == [
        {"lines": [None, key]},
        {"tags": [None, order.tags.get().pk]},
        {"lines": [key, None]},
    ]


def test_a_query_inside_a_query_reads_the_timeline_around_it(partitioned):
    partitioned(StatementLevel, every=2)
    partition_ends.forget()
    row = StatementLevel.objects.create(number=1)
    Author.objects.create(name="a")
    row.number = 2
    row.save()
    outer = Events.objects.across(StatementLevel)
    inner = Events.objects.across(StatementLevel).exclude(pgh_diff=None).values("pgh_id")
    assert outer.filter(pgh_id__in=inner).get().pgh_diff == {"number": [1, 2]}
    with pghistory.as_of(row.events.last().pgh_created_at):
        assert StatementLevel.objects.get().number == 2
