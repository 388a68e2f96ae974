"""Change sets: the changes of one transaction, and undoing them."""

import uuid

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pghistory
import pgtrigger
from pghistory import CannotUndo, ChangeSet
from pghistory.models import Events
from tests.pghistory.models import (
    Author,
    Book,
    Dog,
    Employee,
    Member,
    OldRows,
    Order,
    OrderLine,
    RowLevel,
    Seat,
    StatementLevel,
    Tag,
    Tracked,
)


def last_event(model):
    return model.pgh_event_model.objects.order_by("pgh_id").last()


def contents(*models):
    return {model: sorted(map(repr, model.objects.values_list())) for model in models}


@pytest.mark.django_db(transaction=True)
class TestOf:
    def test_the_events_of_one_transaction_in_all_tables(self):
        StatementLevel.objects.create(number=0)
        with transaction.atomic():
            row = StatementLevel.objects.create(number=1)
            Book.objects.create(title="Emma")
            row.number = 2
            row.save()
        events = ChangeSet.of(last_event(Book)).events()
        assert [(event._meta.object_name, event.pgh_label) for event in events] == [
            ("StatementLevelEvent", "insert"),
            ("BookEvent", "insert"),
            ("StatementLevelEvent", "update"),
        ]

    def test_of_an_event_in_a_timeline(self):
        row = StatementLevel.objects.create(number=0)
        event = Events.objects.tracks(row).get()
        assert ChangeSet.of(event) == ChangeSet.of(last_event(StatementLevel))

    def test_ids_that_are_used_again_are_another_change_set(self):
        StatementLevel.objects.create(number=0)
        first = last_event(StatementLevel)
        StatementLevel.objects.create(number=1)
        second = last_event(StatementLevel)
        type(second).objects.filter(pk=second.pk).update(pgh_xact=first.pgh_xact)
        assert ChangeSet.of(first).events() == [first]

    def test_an_event_from_before_transactions_were_recorded(self):
        StatementLevel.objects.create(number=0)
        event = last_event(StatementLevel)
        event.pgh_xact = None
        with pytest.raises(ValueError, match="has no pgh_xact"):
            ChangeSet.of(event)

    def test_those_of_an_object_the_newest_first(self):
        row = StatementLevel.objects.create(number=0)
        first = last_event(StatementLevel)
        StatementLevel.objects.update(number=1)
        second = last_event(StatementLevel)
        assert ChangeSet.for_object(row) == [ChangeSet.of(second), ChangeSet.of(first)]

    def test_a_context_has_the_events_of_several_transactions(self):
        with pghistory.context(reason="import") as opened:
            StatementLevel.objects.create(number=0)
            StatementLevel.objects.create(number=1)
        StatementLevel.objects.create(number=2)
        found = ChangeSet.for_context(opened.id).events()
        assert [event.number for event in found] == [0, 1]
        assert ChangeSet.for_context(uuid.uuid4()).events() == []

    def test_create_event_and_a_backfill_record_it_too(self):
        with transaction.atomic():
            row = Tracked.objects.create(int_field=1, char_field="")
            made = pghistory.create_event(row, label="create")
        assert made.pgh_xact == Tracked.pgh_event_model.objects.earliest("pgh_id").pgh_xact


@pytest.mark.django_db(transaction=True)
class TestUndo:
    def test_it_is_a_change_set_itself(self):
        row = StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        ChangeSet.of(last_event(StatementLevel)).undo()
        row.refresh_from_db()
        assert row.number == 1
        ChangeSet.of(last_event(StatementLevel)).undo()
        row.refresh_from_db()
        assert row.number == 2

    def test_a_dry_run_names_the_steps_and_writes_nothing(self):
        row = StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        event = last_event(StatementLevel)
        plan = ChangeSet.of(event).undo(dry_run=True)
        assert str(plan) == f"restore pghistory_tests.StatementLevel {row.pk}"
        assert plan.is_possible
        assert last_event(StatementLevel) == event

    def test_a_row_that_was_changed_since_is_a_conflict_that_names_the_event(self):
        row = StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        change_set = ChangeSet.of(last_event(StatementLevel))
        StatementLevel.objects.update(number=3)
        since = last_event(StatementLevel)
        [conflict] = change_set.undo(dry_run=True).conflicts
        assert conflict.events == [since]
        with pytest.raises(CannotUndo, match=f"{row.pk}: was changed since") as caught:
            change_set.undo()
        assert caught.value.plan.conflicts == [conflict]
        row.refresh_from_db()
        assert row.number == 3

    def test_a_change_without_an_event_is_a_conflict_too(self):
        StatementLevel.objects.create(number=1)
        with pgtrigger.ignore():
            StatementLevel.objects.all().delete()
        [conflict] = ChangeSet.of(last_event(StatementLevel)).undo(dry_run=True).conflicts
        assert str(conflict).endswith("was deleted since")

    def test_what_refers_to_an_inserted_row_now_is_a_conflict(self):
        first = Book.objects.create(title="Emma")
        change_set = ChangeSet.of(last_event(Book))
        Book.objects.create(title="Emma 2", twin=first)
        [conflict] = change_set.undo(dry_run=True).conflicts
        assert "foreign key" in conflict.reason
        with pytest.raises(CannotUndo):
            change_set.undo()
        assert Book.objects.count() == 2

    def test_the_first_change_of_an_old_row_is_a_conflict_until_it_is_backfilled(self):
        with pgtrigger.ignore():
            StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        [conflict] = ChangeSet.of(last_event(StatementLevel)).undo(dry_run=True).conflicts
        assert "backfill" in conflict.reason

    def test_events_that_do_not_hold_the_row_are_a_conflict(self):
        OldRows.objects.create(number=1)
        OldRows.objects.update(number=2)
        [conflict] = ChangeSet.of(last_event(OldRows)).undo(dry_run=True).conflicts
        assert "does not say what it was" in conflict.reason

    def test_several_labels_of_one_write(self):
        with transaction.atomic():
            Tracked.objects.create(int_field=1, char_field="")
            Tracked.objects.update(int_field=-1)
        ChangeSet.of(last_event(Tracked)).undo()
        assert not Tracked.objects.exists()

    def test_unique_values_that_were_exchanged(self):
        Book.objects.bulk_create([Book(title="A"), Book(title="B")])
        with transaction.atomic():
            for before, after in (("A", "C"), ("B", "A"), ("C", "B")):
                Book.objects.filter(title=before).update(title=after)
        before = list(Book.objects.order_by("pk").values_list("title", flat=True))
        ChangeSet.of(last_event(Book)).undo()
        assert before == ["B", "A"]
        assert list(Book.objects.order_by("pk").values_list("title", flat=True)) == ["A", "B"]


class TestColumns:
    @pytest.mark.django_db(transaction=True)
    def test_events_from_before_the_columns_have_no_transaction(self):
        event_model = StatementLevel.pgh_event_model
        fields = [event_model._meta.get_field(name) for name in ("pgh_xact", "pgh_xact_at")]
        [index] = [each for each in event_model._meta.indexes if each.fields == ["pgh_xact"]]
        with connection.schema_editor() as editor:
            editor.remove_index(event_model, index)
            for field in fields:
                editor.remove_field(event_model, field)
        row = StatementLevel.objects.create(number=1)
        assert [event.pgh_xact for event in event_model.objects.all()] == [None]
        assert Events.objects.tracks(row).get().pgh_label == "insert"
        with pytest.raises(ValueError, match="has no pgh_xact"):
            ChangeSet.of(last_event(StatementLevel))
        with connection.schema_editor() as editor:
            for field in fields:
                editor.add_field(event_model, field)
            editor.add_index(event_model, index)
        StatementLevel.objects.create(number=2)
        xacts = list(event_model.objects.order_by("pgh_id").values_list("pgh_xact", "pgh_xact_at"))
        assert xacts[0] == (None, None)
        assert None not in xacts[1]


MODELS = (StatementLevel, RowLevel, Book, Dog, Seat, Order, OrderLine, Member, Employee)
numbers = st.integers(1, 3)
writes = st.one_of(
    st.tuples(st.sampled_from(["save", "delete"]), st.sampled_from(MODELS), numbers, numbers),
    st.tuples(st.just("all"), st.sampled_from(MODELS), numbers, numbers),
    st.tuples(st.sampled_from(["tag", "untag"]), st.just(Order), numbers, numbers),
    st.tuples(st.just("mask"), st.sampled_from([Member, Employee]), numbers, numbers),
)


def write(kind, model, key, number):
    if kind in ("tag", "untag"):
        order = Order.objects.filter(pk=key).first()
        if order is not None:
            tag, _ = Tag.objects.get_or_create(pk=number)
            (order.tags.add if kind == "tag" else order.tags.remove)(tag)
        return
    if kind == "mask":
        masked = "password" if model is Member else "secret"
        model.objects.filter(pk=key).update(**{masked: f"m{number}"})
        return
    if kind == "delete":
        # A plain DELETE: what it would cascade to is not this test's.
        rows = model.objects.filter(pk=key_of(model, key))
        if model is Book and Book.objects.filter(twin_id=key).exclude(pk=key).exists():
            return
        rows.delete()
        return
    if kind == "all":
        field = {Seat: "guest", Book: "odd", Dog: "tricks", OrderLine: "text"}.get(model, "number")
        field = {Member: "name", Employee: "salary"}.get(model, field)
        model.objects.update(**{field: number})
        return
    values = {
        Book: {"title": f"t{key}-{number}", "odd": number, "data": {"n": number}},
        Dog: {"name": f"n{number}", "tricks": number},
        Seat: {"guest": f"g{number}"},
        Order: {"number": number},
        OrderLine: {"text": f"t{number}", "order": Order.objects.filter(pk=number).first()},
        Member: {"name": f"n{number}"},
        Employee: {"name": f"n{number}", "salary": number},
    }.get(model, {"number": number, "text": None if number == 1 else "x"})
    if model is Book and Book.objects.filter(pk=number).exists():
        values["twin_id"] = None if number == key else number
        if Book.objects.filter(twin_id=values["twin_id"]).exclude(pk=key).exists():
            values["twin_id"] = None
    if model is Seat:
        model.objects.update_or_create(row="A", number=key, defaults=values)
    else:
        model.objects.update_or_create(pk=key, defaults=values)


def key_of(model, key):
    return ("A", key) if model is Seat else key


@pytest.mark.django_db(transaction=True)
class TestProperty:
    @settings(
        max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(writes, max_size=6), st.lists(writes, min_size=1, max_size=10))
    def test_any_transaction_undone_leaves_the_tables_as_before(self, earlier, undone):
        for model in (*MODELS, Author, Tag):
            model.objects.all().delete()
        models = (*MODELS, Order.tags.through)
        for each in earlier:
            write(*each)
        before = contents(*models)
        with pghistory.context() as opened, transaction.atomic():
            for each in undone:
                write(*each)
        after = contents(*models)
        changes = ChangeSet.for_context(opened.id)
        conflicts = changes.undo(dry_run=True).conflicts
        assert contents(*models) == after
        if conflicts:
            # What a masked field was is not known, and then nothing is written.
            assert {each.event.pgh_tracked_model for each in conflicts} <= {Member, Employee}
            assert all("is masked" in each.reason for each in conflicts)
            with pytest.raises(CannotUndo):
                changes.undo()
            assert contents(*models) == after
        else:
            changes.undo()
            assert contents(*models) == before
