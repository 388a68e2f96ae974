"""A first event for each row without events."""

import io
import random
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import NotSupportedError, connection, transaction
from django.db.models import Min

import pgtrigger
from pghistory.checks import check_backfilled
from pghistory.models import Context, Maintenance
from pghistory.operations import Backfill
from tests.pghistory.models import (
    Book,
    BookReader,
    Denormalized,
    Dog,
    Ledger,
    OldRows,
    Partial,
    Seat,
    StatementLevel,
    Ticket,
)
from tests.pghistory.processes import Writers, start, wait_until

LABEL = "pghistory_tests.StatementLevel"


def runs():
    return Maintenance.objects.filter(action="backfill")


def untracked(model, rows):
    """Rows that were there before the model was tracked."""
    with pgtrigger.ignore():
        return model.objects.bulk_create(rows)


def backfill(*arguments, **options):
    out = io.StringIO()
    call_command("pghistory", "backfill", *arguments, stdout=out, **options)
    return out.getvalue()


def events(model):
    return model.pgh_event_model.objects.order_by("pgh_id")


@pytest.mark.django_db
class TestBackfill:
    def test_each_row_gets_one_event_of_what_it_is(self):
        rows = untracked(StatementLevel, [StatementLevel(number=n) for n in range(7)])
        StatementLevel.objects.create(number=7)
        assert backfill(LABEL, batch=3) == f"{LABEL}Event: 7 events written\n"
        found = events(StatementLevel).exclude(number=7)
        assert set(found.values_list("pgh_obj_id", "number", "pgh_label")) == {
            (row.pk, row.number, "insert") for row in rows
        }
        assert backfill(LABEL) == f"{LABEL}Event: 0 events written\n"

    def test_one_context_says_so(self):
        untracked(StatementLevel, [StatementLevel(number=n) for n in range(3)])
        backfill(LABEL, batch=1)
        assert Context.objects.get().metadata == {
            "reason": "backfill",
            "event_model": f"{LABEL}Event",
        }
        assert set(events(StatementLevel).values_list("pgh_context", flat=True)) == {
            Context.objects.get().pk
        }

    def test_a_json_context_says_so(self):
        untracked(Denormalized, [Denormalized(number=1)])
        backfill("pghistory_tests.Denormalized")
        assert events(Denormalized).get().pgh_context["reason"] == "backfill"

    def test_the_run_is_recorded_with_the_time_from_which_history_is_complete(self):
        untracked(StatementLevel, [StatementLevel(number=1)])
        backfill(LABEL)
        run = runs().get()
        assert (run.action, run.details) == ("backfill", {"rows": 1, "label": "insert"})
        assert events(StatementLevel).get().pgh_created_at < run.complete_from <= run.finished_at
        backfill(LABEL)
        assert runs().get() == run

    def test_the_first_change_can_be_reverted(self):
        [row] = untracked(StatementLevel, [StatementLevel(number=1)])
        backfill(LABEL)
        StatementLevel.objects.update(number=2)
        events(StatementLevel).first().revert()
        row.refresh_from_db()
        assert row.number == 1

    @pytest.mark.parametrize("number", [1, 5])
    def test_a_model_with_a_composite_key_is_backfilled(self, number):
        untracked(Seat, [Seat(row=row, number=n) for row in "AB" for n in (1, 5)])
        Seat.objects.filter(row="A", number=number).update(guest="Ada")
        backfill("pghistory_tests.Seat", batch=1)
        assert events(Seat).count() == 4

    def test_inherited_fields_are_in_the_event(self):
        with pgtrigger.ignore():
            dog = Dog.objects.create(name="Rex", tricks=3)
        backfill("pghistory_tests.Dog")
        event = events(Dog).get()
        assert (event.pgh_obj_id, event.name, event.tricks) == (dog.pk, "Rex", 3)

    def test_a_key_of_a_field_class_of_the_project(self):
        untracked(Ticket, [Ticket(key="ticket_1", title="one")])
        backfill("pghistory_tests.Ticket")
        assert events(Ticket).get().pgh_obj_id == "ticket_1"

    def test_events_without_pgh_obj_are_compared_by_their_key(self):
        book = Book.objects.create(title="Emma")
        with pgtrigger.ignore():
            book.readers.create(name="Ada")
        backfill("pghistory_tests.BookReaderEvent")
        backfill("pghistory_tests.BookReaderEvent")
        assert BookReader.pgh_event_model.objects.count() == 1

    def test_append_only_events_can_be_backfilled(self):
        untracked(Ledger, [Ledger(amount=1)])
        backfill("pghistory_tests.Ledger")
        assert events(Ledger).count() == 1

    def test_the_events_can_have_another_label(self):
        untracked(OldRows, [OldRows(number=1)])
        with pytest.raises(CommandError, match="has no event of an insert"):
            backfill("pghistory_tests.OldRows")
        backfill("pghistory_tests.OldRows", label="before")
        assert events(OldRows).get().pgh_label == "before"

    def test_an_unknown_label_is_an_error(self):
        with pytest.raises(CommandError, match="'seen' is not a label of"):
            backfill(LABEL, label="seen")

    def test_a_model_that_is_not_tracked_is_an_error(self):
        with pytest.raises(CommandError, match=r"auth\.Group is not tracked"):
            backfill("auth.Group")

    def test_without_models_those_with_events_of_inserts(self):
        untracked(StatementLevel, [StatementLevel(number=1)])
        untracked(OldRows, [OldRows(number=1)])
        untracked(Partial, [Partial()])
        assert f"{LABEL}Event: 1 events written\n" in backfill()
        assert not events(OldRows).exists()


class TestChecks:
    @pytest.mark.django_db
    def test_rows_without_events_are_a_warning(self):
        def found():
            return [each.msg for each in check_backfilled(databases=["default"])]

        assert found() == []
        untracked(StatementLevel, [StatementLevel(number=1)])
        assert found() == [f"{LABEL} has rows and no events."]
        backfill(LABEL)
        assert found() == []


class TestMigrationOperation:
    SOURCE = """
import pghistory

@pghistory.track()
class Order(models.Model):
    total = models.IntegerField()
"""

    @pytest.mark.django_db(transaction=True)
    def test_it_writes_the_events_of_that_point_of_the_migrations(self, app):
        app.declare(self.SOURCE)
        app.makemigrations()
        app.migrate()
        try:
            with pgtrigger.ignore():
                app.model("Order").objects.create(total=1)
            app.add_migration(
                "0002_backfill",
                "from django.db import migrations\n"
                "from pghistory.operations import Backfill\n"
                "class Migration(migrations.Migration):\n"
                "    atomic = False\n"
                "    dependencies = [('throwaway', '0001_initial')]\n"
                "    operations = [Backfill('OrderEvent')]\n",
            )
            app.declare(self.SOURCE + "    note = models.TextField(default='')\n")
            app.makemigrations()
            app.migrate()
            assert app.model("OrderEvent").objects.get().total == 1
            assert not app.has_changes()
        finally:
            app.migrate("zero")

    @pytest.mark.django_db
    def test_it_needs_a_migration_that_is_not_atomic(self):
        operation = Backfill("StatementLevelEvent")
        assert operation.deconstruct() == (
            "Backfill",
            [],
            {"model_name": "StatementLevelEvent", "batch": 10_000},
        )
        with (
            pytest.raises(NotSupportedError, match="atomic = False"),
            connection.schema_editor() as editor,
        ):
            operation.database_forwards("pghistory_tests", editor, None, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stopped")
class TestConcurrency:
    def test_a_row_that_is_being_changed_gets_its_first_event_before_the_change(self):
        [row] = untracked(StatementLevel, [StatementLevel(number=1)])
        with transaction.atomic():
            StatementLevel.objects.filter(pk=row.pk).update(number=2)
            process = start("pghistory", "backfill", LABEL)
            wait_until(is_waiting)
        assert process.wait(60) == 0, process.communicate()
        assert list(events(StatementLevel).values_list("pgh_label", "number")) == [("update", 2)]

    def test_a_killed_run_is_continued_while_others_write(self):
        rows = untracked(StatementLevel, [StatementLevel(number=0) for _ in range(10_000)])
        keys = [row.pk for row in rows]

        def write(number):
            chosen = random.sample(keys, 3)
            StatementLevel.objects.filter(pk__in=chosen).update(number=random.randrange(1, 99))
            StatementLevel.objects.create(number=-1)
            time.sleep(0.03)

        with Writers(write):
            for _ in range(2):
                before = runs().count() and runs().get().details["rows"]
                process = start("pghistory", "backfill", LABEL, "--batch", 20)
                wait_until(lambda before=before: runs().filter(details__rows__gt=before).exists())
                process.kill()
                process.wait()
            process = start("pghistory", "backfill", LABEL, "--batch", 20)
            assert process.wait(60) == 0, process.communicate()
        first = StatementLevel.pgh_event_model.objects.values("pgh_obj_id").annotate(
            first=Min("pgh_id")
        )
        assert first.count() == StatementLevel.objects.count()
        inserts = events(StatementLevel).filter(pgh_label="insert")
        assert not inserts.exclude(pgh_id__in=first.values("first")).exists()
        assert inserts.filter(number=0).exists()
        run = runs().get()
        assert run.finished_at
        assert run.details["rows"] == inserts.exclude(number=-1).count()


def is_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0
