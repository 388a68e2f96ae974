"""``revert``, ``as_of`` and ``diff``."""

import threading
import time

import pytest
from django.db import connection, transaction
from django.db.models import JSONField, Value
from django.utils import timezone

import pghistory
from tests.pghistory.models import (
    Animal,
    Author,
    Book,
    Denormalized,
    Dog,
    Measurement,
    OldRows,
    OneLabel,
    Partial,
    RowLevel,
    Seat,
    Step,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def book():
    return Book.objects.create(title="One", author=Author.objects.create(name="Ada"), odd=1)


class TestRevert:
    def test_the_row_is_what_it_was_to_the_last_column(self, book):
        before = book.events.get()
        book.title, book.odd = "Two", 2
        book.save()
        restored = before.revert()
        assert (restored.title, restored.odd, restored.changed_at) == ("One", 1, before.changed_at)
        assert Book.objects.get() == restored

    def test_relations_and_json_are_restored(self, book):
        Book.objects.update(data={"a": None})
        before = book.events.order_by("pgh_id").last()
        author = book.author
        Book.objects.update(data={}, author=None, twin=book)
        restored = before.revert()
        assert (restored.author, restored.data, restored.twin) == (author, {"a": None}, None)

    def test_a_composite_key_is_undeleted(self):
        Seat.objects.create(row="A", number=1, guest="Ada")
        Seat.objects.all().delete()
        Seat.pgh_event_model.objects.get(pgh_label="delete").revert()
        assert Seat.objects.get().guest == "Ada"

    def test_a_parent_that_is_still_there_is_restored_with_an_undeleted_child(self):
        dog = Dog.objects.create(name="Rex", tricks=1)
        dog.delete(keep_parents=True)
        Animal.objects.update(name="Max")
        Dog.pgh_event_model.objects.get(pgh_label="delete").revert()
        assert list(Dog.objects.values_list("name", "tricks")) == [("Rex", 1)]

    def test_a_deleted_row_is_there_again(self, book):
        key, changed_at = book.pk, book.changed_at
        book.delete()
        restored = Book.pgh_event_model.objects.get(pgh_label="delete").revert()
        assert (restored.pk, restored.title, restored.changed_at) == (key, "One", changed_at)

    def test_a_dry_run_shows_the_plan_and_writes_nothing(self, book):
        event = book.events.get()
        Book.objects.update(title="Two")
        plan = event.revert(dry_run=True)
        assert (plan.action, plan.is_possible) == ("update", True)
        assert [(each.field, each.before, each.after) for each in plan.changes] == [
            ("title", "Two", "One")
        ]
        assert str(plan) == f"update pghistory_tests.Book {book.pk}\n  title: 'Two' -> 'One'"
        assert Book.objects.get().title == "Two"

    def test_a_row_that_is_as_it_was_is_left_alone(self, book):
        event = book.events.get()
        assert event.revert(dry_run=True).action == "nothing"
        event.revert()
        assert book.events.count() == 1

    def test_a_foreign_key_that_vanished_is_named(self, book):
        event = book.events.get()
        Book.objects.update(author=None)
        author, _ = book.author_id, Author.objects.all().delete()
        with pytest.raises(pghistory.CannotRevert, match=f"author: .*Author {author}") as caught:
            event.revert()
        assert [problem.field for problem in caught.value.plan.problems] == ["author"]

    def test_a_unique_value_that_another_row_has_now_is_named(self, book):
        event = book.events.get()
        Book.objects.update(title="Two")
        Book.objects.create(title="One")
        with pytest.raises(pghistory.CannotRevert, match="title: "):
            event.revert()

    def test_values_that_only_together_are_another_rows_are_named(self):
        event = Step.objects.create(plan="a", number=1).events.get()
        Step.objects.update(plan="b")
        assert event.revert(dry_run=True).is_possible
        Step.objects.create(plan="a", number=1)
        with pytest.raises(pghistory.CannotRevert, match="Plan and Number already exists"):
            event.revert()

    def test_a_tracked_field_may_have_the_name_of_a_method(self):
        event = Step.objects.create(plan="a", number=1).events.get()
        Step.objects.update(plan="b")
        assert [each.after for each in event.revert(dry_run=True).changes] == ["a"]
        assert event.revert().plan == "a"

    def test_a_row_that_points_to_itself_is_undeleted(self, book):
        Book.objects.update(twin=book)
        event = book.events.get(pgh_label="update")
        book.delete()
        restored = event.revert()
        assert restored.twin == restored

    def test_the_null_of_json_is_not_that_of_sql(self, book):
        null = Value(None, JSONField())
        Book.objects.update(data=null)
        event = book.events.order_by("pgh_id").last()
        assert event.revert(dry_run=True).action == "nothing"
        Book.objects.update(data={})
        assert event.revert().data is None
        Book.objects.all().delete()
        event.revert()
        assert Book.objects.filter(data=null).count() == 1

    @pytest.mark.django_db(databases=["default", "other"])
    def test_another_databases_rows_are_not_in_the_way(self, book):
        Step.objects.create(plan="a", number=1)
        there = Step.objects.using("other").create(pk=7, plan="a", number=1)
        event = there.events.get()
        Step.objects.using("other").update(number=2)
        assert event.revert(using="other").number == 1
        other = Book.objects.using("other").create(pk=7, title=book.title)
        first = other.events.get()
        Book.objects.using("other").update(title="Two")
        assert first.revert(using="other").title == book.title

    def test_fields_that_the_event_does_not_hold_are_named(self):
        event = Partial.objects.create().kept_events.get()
        assert not event.can_revert
        with pytest.raises(RuntimeError, match="other: "):
            event.revert()

    def test_parents_are_restored_too(self):
        dog = Dog.objects.create(name="Rex", tricks=1)
        event = dog.events.get()
        dog.name, dog.tricks = "Max", 2
        dog.save()
        event.revert()
        assert list(Dog.objects.values_list("name", "tricks")) == [("Rex", 1)]

    def test_parents_are_undeleted_too(self):
        Dog.objects.create(name="Rex", tricks=1).delete()
        Dog.pgh_event_model.objects.get(pgh_label="delete").revert()
        assert list(Dog.objects.values_list("name", "tricks")) == [("Rex", 1)]

    def test_a_row_with_a_composite_key_is_reverted(self):
        seat = Seat.objects.create(row="A", number=1, guest="Ada")
        event = seat.events.get()
        Seat.objects.update(guest="")
        event.revert()
        assert Seat.objects.get().guest == "Ada"

    def test_an_old_row(self):
        row = OldRows.objects.create(number=1)
        OldRows.objects.update(number=2)
        row.events.get().revert()
        assert OldRows.objects.get().number == 1


@pytest.mark.django_db(
    transaction=True,
    available_apps=["project", "pghistory", "django.contrib.auth", "tests.pghistory"],
)
def test_revert_waits_for_a_transaction_that_deletes_the_row(book):
    event = book.events.order_by("pgh_id").first()

    def revert() -> None:
        try:
            event.revert()
        finally:
            connection.close()

    thread = threading.Thread(target=revert)
    with transaction.atomic():
        Book.objects.filter(pk=book.pk).delete()
        thread.start()
        while thread.is_alive() and not another_waits_for_this_transaction():
            time.sleep(0.01)
    thread.join()
    assert Book.objects.get().title == "One"


def another_waits_for_this_transaction() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
        )
        return bool(cursor.fetchone()[0])


class TestAsOf:
    @pytest.fixture
    def times(self):
        times = [timezone.now()]
        row = RowLevel.objects.create(number=1)
        times.append(timezone.now())
        RowLevel.objects.update(number=2)
        times.append(timezone.now())
        RowLevel.objects.all().delete()
        times.append(timezone.now())
        return row, times

    def test_an_object_as_it_was(self, times):
        row, when = times
        found = [pghistory.as_of(row, time) for time in when]
        assert [state and state.number for state in found] == [None, 1, 2, None]

    def test_every_object_of_a_model_as_a_queryset(self, times):
        _, when = times
        history = RowLevel.history
        assert [list(history.as_of(t).values_list("number", flat=True)) for t in when] == [
            [],
            [1],
            [2],
            [],
        ]
        assert history.as_of(when[1]).filter(number__gt=0).exclude(text="a").get().number == 1

    def test_a_joined_table_is_as_it_was(self, book):
        now = timezone.now()
        Book.objects.update(title="Two")
        found = Book.history.as_of(now).filter(author__name="Ada").get()
        assert found.title == "One"

    def test_a_history_that_does_not_say_it_is_refused(self):
        with pytest.raises(ValueError, match="leaves out other"):
            Partial.history.as_of(timezone.now())
        with pytest.raises(ValueError, match="new row"):
            pghistory.as_of(OldRows.objects.create(number=1), timezone.now())
        with pytest.raises(ValueError, match="each insert and each update"):
            OneLabel.history.as_of(timezone.now())
        with pytest.raises(ValueError, match="not tracked"):
            pghistory.as_of(Author(name="Ada"), timezone.now())

    def test_deletions_need_not_be_tracked(self):
        """Then a row is as it last was, but one object that has gone is not made up."""
        row = Denormalized.objects.create(number=1)
        then = timezone.now()
        assert pghistory.as_of(row, then).number == Denormalized.history.as_of(then).get().number
        Denormalized.objects.all().delete()
        with pytest.raises(ValueError, match="has gone, and no event says when"):
            pghistory.as_of(row, timezone.now())

    def test_an_event_made_by_hand_says_nothing(self):
        step = Step.objects.create(plan="a", number=1)
        step.number = 2
        pghistory.create_event(step, label="seen")
        now = timezone.now()
        assert pghistory.as_of(step, now).number == Step.history.as_of(now).get().number == 1

    def test_an_object_that_went_without_an_event_is_refused(self):
        step = Step.objects.create(plan="a", number=1)
        then = timezone.now()
        Step.objects.update(id=step.id + 1)
        with pytest.raises(ValueError, match="no event says when"):
            pghistory.as_of(step, timezone.now())
        moved = Step.objects.get()
        assert pghistory.as_of(moved, then) is None
        assert pghistory.as_of(moved, timezone.now()).number == 1

    def test_what_was_cannot_be_changed(self):
        Step.objects.create(plan="a", number=1)
        past = Step.history.as_of(timezone.now())
        with pytest.raises(TypeError, match="cannot be changed"):
            past.delete()
        with pytest.raises(TypeError, match="cannot be changed"):
            past.filter(number=1).update(number=2)
        with pytest.raises(TypeError, match="cannot be changed"):
            past.create(plan="b", number=1)
        assert Step.objects.get().number == 1

    def test_a_child_of_another_table(self):
        dog = Dog.objects.create(name="Rex", tricks=1)
        then = timezone.now()
        Dog.objects.update(name="Max")
        assert pghistory.as_of(dog, then).name == "Rex"


class TestDiff:
    def test_diff_compares_two_events(self, book):
        Book.objects.update(title="Two")
        first, last = book.events.order_by("pgh_id")
        assert pghistory.diff(first, last) == {"title": ["One", "Two"]}

    def test_an_event_and_the_object_as_it_is(self, book):
        event = book.events.get()
        Book.objects.update(odd=7)
        assert pghistory.diff(event, Book.objects.get()) == {"odd": [1, 7]}

    def test_states_of_two_models_are_refused(self, book):
        with pytest.raises(ValueError, match="one model"):
            pghistory.diff(book, Measurement(region=1, number=1))
