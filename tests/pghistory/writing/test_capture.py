"""Whatever writes a row, an event is written with it."""

import pytest
from django.db import NotSupportedError, connection, transaction

from pghistory.models import Events
from tests.pghistory.models import (
    Author,
    Book,
    BookReader,
    Cat,
    Denormalized,
    Dog,
    Invoice,
    Measurement,
    OldRows,
    Partial,
    RowLevel,
    Seat,
    StatementLevel,
    Tracked,
    TrackedAuthor,
)

pytestmark = pytest.mark.django_db
LEVELS = [RowLevel, StatementLevel]


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def events(model, *names):
    return list(model.pgh_event_model.objects.order_by("pgh_id").values_list("pgh_label", *names))


@pytest.fixture(params=LEVELS, ids=["row", "statement"])
def model(request):
    return request.param


@pytest.fixture
def table(model):
    return connection.ops.quote_name(model._meta.db_table)


class TestWrites:
    def test_save_and_delete_write_events(self, model):
        row = model.objects.create(number=1)
        row.number = 2
        row.save()
        row.delete()
        assert events(model, "number") == [("insert", 1), ("update", 2), ("delete", 2)]

    def test_a_save_that_changes_nothing_is_no_event(self, model):
        model.objects.create(number=1).save()
        assert events(model) == [("insert",)]

    def test_a_change_from_null_is_an_event(self, model):
        model.objects.create(number=1)
        model.objects.update(text="")
        assert events(model, "text") == [("insert", None), ("update", "")]

    def test_bulk_create_update_and_delete(self, model):
        rows = model.objects.bulk_create([model(number=n) for n in range(3)])
        for row in rows:
            row.number += 10
        model.objects.bulk_update(rows, ["number"])
        model.objects.all().delete()
        found = events(model, "number")
        assert sorted(found[:3]) == [("insert", n) for n in range(3)]
        assert sorted(found[3:6]) == [("update", n + 10) for n in range(3)]
        assert sorted(found[6:]) == [("delete", n + 10) for n in range(3)]

    def test_an_upsert_is_an_insert_for_some_and_an_update_for_others(self, model):
        kept = model.objects.create(number=1)
        model.objects.bulk_create(
            [model(id=kept.id, number=2), model(id=kept.id + 1000, number=3)],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["number"],
        )
        assert sorted(events(model, "number")) == [("insert", 1), ("insert", 3), ("update", 2)]

    def test_an_insert_that_did_nothing_is_no_event(self, model):
        kept = model.objects.create(number=1)
        model.objects.bulk_create([model(id=kept.id, number=2)], ignore_conflicts=True)
        assert events(model, "number") == [("insert", 1)]

    def test_copy_writes_events(self, model, table):
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} (number) FROM STDIN") as to:
            to.write("7\n8\n")
        assert events(model, "number") == [("insert", 7), ("insert", 8)]

    def test_merge_writes_events(self, model, table):
        if connection.pg_version < 150000:
            pytest.skip("MERGE came with PostgreSQL 15")
        row = model.objects.create(number=1)
        sql(
            f"MERGE INTO {table} t USING (VALUES (%s, 5), (0, 6)) AS v(id, number) ON t.id = v.id "
            "WHEN MATCHED THEN UPDATE SET number = v.number "
            "WHEN NOT MATCHED THEN INSERT (number) VALUES (v.number)",
            row.id,
        )
        assert sorted(events(model, "number")) == [("insert", 1), ("insert", 6), ("update", 5)]

    def test_truncate_is_a_deletion_of_every_row(self, model, table):
        model.objects.bulk_create([model(number=1), model(number=2)])
        sql(f"TRUNCATE {table}")
        assert events(model, "number")[2:] == [("delete", 1), ("delete", 2)]

    def test_a_row_with_another_key_is_paired_with_itself(self, model):
        model.objects.bulk_create([model(id=n, number=n) for n in (1, 2, 3)])
        sql(f"UPDATE {model._meta.db_table} SET id = id + 10, number = number * 2 WHERE number > 1")
        assert events(model, "id", "number", "pgh_obj_id")[3:] == [
            ("update", 12, 4, 12),
            ("update", 13, 6, 13),
        ]

    def test_a_change_that_is_rolled_back_has_no_event(self, model):
        with transaction.atomic():
            model.objects.create(number=1)
            transaction.set_rollback(True)
        assert events(model) == []

    def test_the_events_of_one_transaction_have_an_order_in_time(self, model):
        row = model.objects.create(number=0)
        for number in range(1, 4):
            row.number = number
            row.save()
        found = model.pgh_event_model.objects.order_by("pgh_created_at")
        assert [event.number for event in found] == [0, 1, 2, 3]
        assert len({event.pgh_created_at for event in found}) == 4

    def test_a_bulk_update_after_a_single_one_on_the_same_connection(self, model):
        """The plan made for one row must not serve eight thousand: see Note [Statement plans]."""
        model.objects.bulk_create([model(number=n) for n in range(8000)])
        row = model.objects.first()
        row.number = -1
        row.save()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '5s'")
            cursor.execute(f"UPDATE {model._meta.db_table} SET number = number + 1")
        assert model.pgh_event_model.objects.filter(pgh_label="update").count() == 8001


class TestNestedUpdates:
    """Another AFTER trigger writes the changed row again."""

    OUTER, INNER = ("update", 5, None), ("update", 5, "10")

    def events_beside(self, name, model):
        table = model._meta.db_table
        sql(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"UPDATE {table} SET text = NEW.number * 2 WHERE id = NEW.id; RETURN NULL; END $$"
        )
        sql(
            f"CREATE TRIGGER {name} AFTER UPDATE OF number ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {name}()"
        )
        model.objects.create(number=1)
        model.objects.update(number=5)
        return events(model, "number", "text")[1:]

    def test_events_are_in_order_at_row_level_before_that_trigger(self):
        assert self.events_beside("zz_doubles", RowLevel) == [self.OUTER, self.INNER]

    def test_events_are_reversed_at_row_level_after_that_trigger(self):
        assert self.events_beside("aa_doubles", RowLevel) == [self.INNER, self.OUTER]

    def test_events_are_reversed_at_statement_level(self):
        assert self.events_beside("zz_doubles", StatementLevel) == [self.INNER, self.OUTER]


class TestTrackers:
    def test_the_labels_of_documented_trackers(self):
        tracked = Tracked.objects.create(int_field=1, char_field="a")
        Tracked.objects.filter(pk=tracked.pk).update(int_field=-1)
        tracked.refresh_from_db()
        tracked.save()
        assert sorted(events(Tracked, "int_field")) == [
            ("create", 1),
            ("low_int", -1),
            ("low_int", -1),
            ("snapshot", -1),
            ("snapshot", 1),
        ]

    def test_a_tracker_can_store_the_old_row(self):
        row = OldRows.objects.create(number=1)
        row.number = 2
        row.save()
        row.delete()
        assert events(OldRows, "number") == [("before", 1), ("gone", 2)]

    def test_only_a_change_of_a_tracked_field_is_an_event(self):
        row = Partial.objects.create()
        row.other = 1
        row.save()
        row.kept = 1
        row.save()
        kept = Partial._meta.get_field("kept_events").related_model
        assert kept._meta.object_name == "PartialKeptEvent"
        assert list(row.kept_events.order_by("pgh_id").values_list("pgh_label", "kept")) == [
            ("insert", 0),
            ("update", 1),
        ]

    def test_a_condition_in_the_users_own_sql(self):
        row = Partial.objects.create(kept=5)
        Partial.objects.update(kept=6)
        Partial.objects.update(kept=3)
        assert [event.kept for event in row.raised.all()] == [6]


class TestFields:
    def test_an_event_copies_columns_whatever_they_are_called(self):
        author = Author.objects.create(name="Ada")
        book = Book.objects.create(title="One", author=author, data={"a": [1]}, odd=3)
        event = book.events.get()
        assert (event.title, event.author_id, event.data, event.odd) == (
            "One",
            author.id,
            {"a": [1]},
            3,
        )
        assert event.changed_at == book.changed_at
        assert event.pgh_obj == book

    def test_a_generated_column_may_become_null(self):
        Invoice.objects.create(net=10, tax=2)
        Invoice.objects.update(tax=None)
        assert events(Invoice, "total") == [("insert", 12), ("update", None)]

    def test_an_event_outlives_what_it_points_to(self):
        author = Author.objects.create(name="Ada")
        book = Book.objects.create(title="One", author=author)
        gone = author.id
        author.delete()
        found = Book.pgh_event_model.objects.get(pgh_label="delete")
        assert (found.pgh_obj_id, found.author_id) == (book.id, gone)

    def test_events_have_wide_keys_and_the_index_of_a_timeline(self):
        with connection.cursor() as cursor:
            table = Book.pgh_event_model._meta.db_table
            constraints = connection.introspection.get_constraints(cursor, table)
            cursor.execute(
                "SELECT data_type FROM information_schema.columns "
                "WHERE table_name = %s AND column_name = 'pgh_id'",
                [table],
            )
            assert cursor.fetchone() == ("bigint",)
        columns = [found["columns"] for found in constraints.values() if found["index"]]
        assert ["pgh_obj_id", "pgh_id"] in columns
        assert ["pgh_obj_id"] not in columns
        assert not [found for found in constraints.values() if found["foreign_key"]]

    def test_metadata_may_be_copied_into_the_event(self):
        import pghistory

        with pghistory.context(who="me") as opened:
            Denormalized.objects.create(number=1)
        event = Denormalized.pgh_event_model.objects.get()
        assert (event.pgh_context, event.pgh_context_id) == ({"who": "me"}, opened.id)


class TestProxies:
    def test_a_many_to_many_table(self):
        book = Book.objects.create(title="One")
        reader = Author.objects.create(name="Ada")
        book.readers.add(reader)
        book.readers.clear()
        assert events(BookReader, "book_id", "author_id") == [
            ("insert", book.pk, reader.pk),
            ("delete", book.pk, reader.pk),
        ]

    def test_a_model_that_another_app_has(self):
        author = Author.objects.create(name="Ada")
        Author.objects.update(name="Grace")
        tracked = TrackedAuthor.objects.get()
        found = tracked.tracked_events.order_by("pgh_id").values_list("pgh_label", "name")
        assert list(found) == [("insert", "Ada"), ("update", "Grace")]
        assert Events.objects.tracks(author).count() == 2


class TestInheritance:
    @pytest.fixture(params=[Dog, Cat], ids=["statement", "row"])
    def animal(self, request):
        return request.param

    @pytest.fixture
    def own(self, animal):
        return {Dog: "tricks", Cat: "lives"}[animal]

    def test_an_event_holds_the_parents_fields(self, animal, own):
        animal.objects.create(name="Rex", **{own: 1})
        assert events(animal, "name", own) == [("insert", "Rex", 1)]

    def test_a_change_of_the_parents_table_is_an_event_of_the_child(self, animal, own):
        made = animal.objects.create(name="Rex", **{own: 1})
        animal.objects.filter(pk=made.pk).update(name="Max")
        assert events(animal, "name", own)[1:] == [("update", "Max", 1)]

    def test_a_bulk_change_of_the_parents_table(self, animal, own):
        for name in "abc":
            animal.objects.create(name=name, **{own: 1})
        animal.objects.update(name="same")
        assert events(animal, "name", own)[3:] == [("update", "same", 1)] * 3

    def test_a_change_of_its_own_table(self, animal, own):
        made = animal.objects.create(name="Rex", **{own: 1})
        setattr(made, own, 2)
        made.save()
        assert events(animal, "name", own)[1:] == [("update", "Rex", 2)]

    def test_a_deletion_holds_the_parents_fields(self, animal, own):
        animal.objects.create(name="Rex", **{own: 1}).delete()
        assert events(animal, "name", own)[1:] == [("delete", "Rex", 1)]

    def test_truncate_of_the_parents_table(self, animal, own):
        animal.objects.create(name="Rex", **{own: 1})
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        sql("TRUNCATE pghistory_tests_animal CASCADE")
        assert events(animal, "name", own)[1:] == [("delete", "Rex", 1)]


class TestCompositeKeys:
    def test_every_write_has_its_event(self):
        seat = Seat.objects.create(row="A", number=1)
        Seat.objects.filter(pk=("A", 1)).update(guest="Ada")
        Seat.objects.filter(pk=("A", 1)).update(number=2)
        Seat.objects.all().delete()
        assert events(Seat, "row", "number", "guest") == [
            ("insert", "A", 1, ""),
            ("update", "A", 1, "Ada"),
            ("update", "A", 2, "Ada"),
            ("delete", "A", 2, "Ada"),
        ]
        assert seat.events.count() == 2


class TestPartitions:
    @pytest.fixture(autouse=True)
    def partitioned(self):
        sql(
            "CREATE TABLE pghistory_tests_measurement ("
            "region int, number int, value int, PRIMARY KEY (region, number)"
            ") PARTITION BY LIST (region)"
        )
        for region in (1, 2):
            sql(
                f"CREATE TABLE measurement_{region} PARTITION OF pghistory_tests_measurement "
                f"FOR VALUES IN ({region})"
            )
        from pgtrigger.triggers import registry

        for trigger in registry.of_model(Measurement):
            trigger.install(Measurement)

    def test_a_row_written_into_its_partition(self):
        sql("INSERT INTO measurement_1 VALUES (1, 1, 5)")
        sql("UPDATE measurement_1 SET value = 6")
        assert events(Measurement, "value") == [("insert", 5), ("update", 6)]

    def test_a_row_moved_to_another_partition(self):
        Measurement.objects.create(region=1, number=1, value=5)
        Measurement.objects.update(region=2)
        assert sorted(events(Measurement, "region")) == [
            ("delete", 1),
            ("insert", 1),
            ("insert", 2),
        ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_truncate_of_rows_that_cannot_be_seen_is_refused(model, table, level):
    other = connection.copy()
    with transaction.atomic():
        sql(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert not model.objects.exists()
        try:
            with other.cursor() as cursor:
                cursor.execute(f"INSERT INTO {table} (number) VALUES (1)")
        finally:
            other.close()
        with pytest.raises(NotSupportedError, match="Cannot truncate"), transaction.atomic():
            sql(f"TRUNCATE {table}")
    sql(f"TRUNCATE {table}")
    assert events(model, "number") == [("insert", 1), ("delete", 1)]
