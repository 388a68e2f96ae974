"""Rows of an object's relations in its timeline and its differences: ``track(with_=[...])``."""

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps

import pghistory
from pghistory.models import AggregateEvent, Events
from pghistory.reading import related_rows
from tests.pghistory.models import Order, OrderLine, OrderTag, Tag

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order():
    return Order.objects.create()


def changes(*orders, model=Events):
    events = model.objects.tracks(*orders) if model is Events else model.objects.target(*orders)
    events = events.order_by("pgh_created_at", "pgh_id")
    return [(event.pgh_label, event.pgh_diff) for event in events if event.pgh_diff]


class TestTimeline:
    def test_rows_of_a_many_to_many_relation_are_added_and_removed(self, order):
        red, blue = Tag.objects.create(name="red"), Tag.objects.create(name="blue")
        order.tags.add(red, blue)
        order.tags.remove(red)
        assert changes(order) == [
            ("insert", {"tags": [None, red.pk]}),
            ("insert", {"tags": [None, blue.pk]}),
            ("delete", {"tags": [red.pk, None]}),
        ]

    def test_rows_of_a_child_set_are_added_and_removed(self, order):
        line = OrderLine.objects.create(order=order)
        key = line.pk
        OrderLine.objects.update(text="changed")
        line.delete()
        assert changes(order) == [
            ("insert", {"lines": [None, key]}),
            ("delete", {"lines": [key, None]}),
        ]

    def test_a_row_that_moves_leaves_one_object_and_joins_another(self, order):
        other = Order.objects.create()
        line = OrderLine.objects.create(order=order)
        OrderLine.objects.update(order=other)
        joined, left = {"lines": [None, line.pk]}, {"lines": [line.pk, None]}
        assert changes(order) == [("insert", joined), ("update", left)]
        assert changes(other) == [("update", joined)]
        assert changes(order, other) == [
            ("insert", joined),
            ("update", left),
            ("update", joined),
        ] or (changes(order, other) == [("insert", joined), ("update", joined), ("update", left)])

    def test_a_row_that_comes_back_is_added_again(self, order):
        line = OrderLine.objects.create(order=order)
        key = line.pk
        line.delete()
        OrderLine.objects.create(pk=key, order=order)
        OrderLine.objects.update(order=None)
        OrderLine.objects.update(order=order)
        added, removed = {"lines": [None, key]}, {"lines": [key, None]}
        assert [diff for _, diff in changes(order)] == [added, removed, added, removed, added]

    def test_a_row_that_is_older_than_its_events_is_not_taken_for_new(self, order):
        OrderLine.objects.create(order=order)
        OrderLine.pgh_event_model.objects.all().delete()
        OrderLine.objects.update(text="changed")
        assert changes(order) == []

    def test_such_an_event_is_about_the_object(self, order):
        line = OrderLine.objects.create(order=order, text="one")
        [event] = Events.objects.tracks(order).filter(pgh_model="pghistory_tests.OrderLineEvent")
        assert (event.pgh_obj_model, event.pgh_obj_id) == (
            "pghistory_tests.Order",
            str(order.pk),
        )
        assert event.pgh_data == {"id": line.pk, "order_id": order.pk, "text": "one"}

    def test_nothing_is_written_for_the_object(self, order):
        OrderLine.objects.create(order=order)
        assert order.events.count() == 1
        assert OrderLine.pgh_event_model.objects.count() == 1

    def test_other_timelines_and_lists_are_as_before(self, order):
        line = OrderLine.objects.create(order=order)
        assert Events.objects.tracks(line).get().pgh_obj_model == "pghistory_tests.OrderLine"
        assert Events.objects.across(Order, OrderLine).count() == 2
        assert Events.objects.tracks(order).across(Order).count() == 1
        assert AggregateEvent.objects.tracks(order).count() == 2
        assert Events.objects.tracks().count() == 0

    def test_it_reads_the_events_of_the_object_and_not_the_table(self, order):
        OrderLine.objects.create(order=order)
        with CaptureQueriesContext(connection) as captured:
            list(Events.objects.tracks(order).order_by("-pgh_created_at")[:10])
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("EXPLAIN " + captured[-1]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert "Seq Scan" not in plan


class TestDiff:
    def test_it_has_the_keys_at_both_times(self, order):
        red = Tag.objects.create(name="red")
        first = OrderLine.objects.create(order=order)
        created = order.events.get()
        order.tags.add(red)
        Order.objects.update(number=1)
        changed = order.events.last()
        second = OrderLine.objects.create(order=order)
        first_key = first.pk
        first.delete()
        order.refresh_from_db()
        assert pghistory.diff(created, changed) == {
            "number": [0, 1],
            "tags": [[], [red.pk]],
            "lines": [[], [first_key]],
        }
        assert pghistory.diff(changed, order) == {"lines": [[first_key], [second.pk]]}
        assert pghistory.diff(order, order) == {}


class TestDeclaration:
    def test_a_text_is_refused(self):
        with pytest.raises(ValueError, match="expected a list of relations"):
            pghistory.create_event_model(Tag, with_="orders")

    def test_a_relation_that_does_not_exist(self):
        with pytest.raises(ValueError, match="no many-to-many or reverse relation of that name"):
            related_rows.resolve(Order, "number")

    def test_rows_that_are_not_tracked(self):
        with pytest.raises(ValueError, match="it is not tracked"):
            related_rows.resolve(Order, "events")

    def test_the_far_side_of_a_many_to_many_relation(self):
        found = related_rows.resolve(Tag, "orders")
        assert (found.near.name, found.value.name) == ("tag", "order")
        assert found.event_model is OrderTag.pgh_event_model

    @isolate_apps("tests.pghistory")
    def test_a_check_reports_it(self):
        from pghistory import checks

        class Wrong(models.Model):
            class Meta:
                app_label = "pghistory_tests"

        event_model = pghistory.create_event_model(
            Wrong, pghistory.InsertEvent(), with_=["nothing"], abstract=False
        )
        [error] = checks.errors_of_relations([event_model])
        assert error.id == "pghistory.E003"
        assert "nothing" in error.msg


def test_undo_is_not_affected(order):
    with transaction.atomic():
        OrderLine.objects.create(order=order)
        order.tags.add(Tag.objects.create(name="red"))
        Order.objects.update(number=2)
    pghistory.ChangeSet.of(order.events.last()).undo()
    assert (OrderLine.objects.count(), order.tags.count()) == (0, 0)
    assert Order.objects.get().number == 0
