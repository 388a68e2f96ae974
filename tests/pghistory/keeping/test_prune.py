"""Old events are removed, and what as_of() needs stays."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

import pghistory
import pgtrigger
from pghistory.keeping import pruning, retention
from pghistory.models import Context, Maintenance
from tests.pghistory.models import (
    Account,
    AccountEvent,
    Book,
    BookReader,
    Ledger,
    OneLabel,
    Remark,
    Seat,
    StatementLevel,
    Vault,
)
from tests.pghistory.processes import Writers, start, wait_until

LABEL = "pghistory_tests.StatementLevel"


def prune(*arguments, **options):
    out = io.StringIO()
    call_command("pghistory", "prune", *arguments, stdout=out, **options)
    return out.getvalue()


def age(model, days=1000):
    """Let the events that are there now be old, and return the last of their times."""
    shift = timedelta(days=days)
    events = model.pgh_event_model.objects
    with pgtrigger.ignore():
        for event in events.all():
            events.filter(pk=event.pk).update(pgh_created_at=event.pgh_created_at - shift)
    Context.objects.update(created_at=timezone.now() - shift)


def events(model):
    found = model.pgh_event_model.objects.order_by("pgh_id")
    return list(found.values_list("pgh_label", "number"))


@pytest.mark.django_db
class TestPrune:
    def test_the_last_event_of_each_object_stays(self):
        changed = StatementLevel.objects.create(number=1)
        StatementLevel.objects.create(number=10)
        for number in (2, 3):
            StatementLevel.objects.filter(pk=changed.pk).update(number=number)
        age(StatementLevel)
        StatementLevel.objects.filter(pk=changed.pk).update(number=4)
        assert prune(LABEL, older_than="1 year").startswith(f"{LABEL}Event: 2 removed\n")
        assert events(StatementLevel) == [("insert", 10), ("update", 3), ("update", 4)]

    def test_an_object_that_was_deleted_before_has_no_events_left(self):
        row = StatementLevel.objects.create(number=1)
        row.delete()
        age(StatementLevel)
        StatementLevel.objects.create(number=2).delete()
        prune(LABEL, older_than="1 year", batch=1)
        assert events(StatementLevel) == [("insert", 2), ("delete", 2)]

    def test_a_deletion_stays_while_an_earlier_event_does(self):
        # With PGHISTORY_CREATED_AT_FUNCTION = now() an event may be older than the one before it.
        row = StatementLevel.objects.create(number=1)
        row.delete()
        newest = StatementLevel.pgh_event_model.objects.order_by("pgh_id").last()
        newest.pgh_created_at -= timedelta(days=1000)
        newest.save()
        prune(LABEL, older_than="1 year")
        assert events(StatementLevel) == [("insert", 1), ("delete", 1)]

    def test_as_of_answers_for_later_times_and_names_the_earliest(self):
        row = StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        time = timezone.now() - timedelta(days=300)
        prune(LABEL, older_than="1 year")
        with pghistory.as_of(time):
            assert StatementLevel.objects.get().number == 2
        assert pghistory.as_of(row, time).number == 2
        early = time - timedelta(days=200)
        with pghistory.as_of(early), pytest.raises(DatabaseError, match=r"is complete from .* on"):
            StatementLevel.objects.exists()

    def test_as_of_one_object_names_the_earliest_time_too(self):
        row = StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        prune(LABEL, older_than="1 year")
        with pytest.raises(pghistory.PastError, match=r"is complete from .* on"):
            pghistory.as_of(row, timezone.now() - timedelta(days=400))

    def test_nothing_that_is_old_leaves_the_past_as_it_is(self):
        row = StatementLevel.objects.create(number=1)
        prune(LABEL, older_than="1 year")
        assert pghistory.as_of(row, timezone.now() - timedelta(days=400)) is None
        assert not Maintenance.objects.filter(action="prune").exists()

    def test_what_was_removed_is_recorded(self):
        StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        prune(LABEL, older_than="1 year")
        record = Maintenance.objects.get(action="prune")
        assert record.details == {"rows": 1, "before": record.complete_from.isoformat()}
        assert record.finished_at

    @pytest.mark.parametrize("model", [Ledger, Vault], ids=["append_only", "strict"])
    def test_append_only_events_are_removed_and_stay_append_only(self, model):
        row = model.objects.create(amount=1)
        model.objects.update(amount=2)
        with connection.cursor() as cursor:
            table = model.pgh_event_model._meta.db_table
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            age(model)
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        prune(model._meta.label, older_than="1 year")
        event = row.events.get()
        with pytest.raises(pgtrigger.ProtectedError):
            event.delete()

    def test_events_with_composite_keys_are_pruned(self):
        for number in (1, 2):
            Seat.objects.create(row="A", number=number)
        Seat.objects.filter(number=1).update(guest="Ada")
        age(Seat)
        prune("pghistory_tests.Seat", older_than="1 year")
        found = Seat.pgh_event_model.objects.order_by("number").values_list("number", "guest")
        assert list(found) == [(1, "Ada"), (2, "")]

    def test_labels_that_say_nothing_of_deletions(self):
        row = OneLabel.objects.create(number=1)
        OneLabel.objects.update(number=2)
        row.delete()
        age(OneLabel)
        prune("pghistory_tests.OneLabel", older_than="1 year")
        assert events(OneLabel) == [("written", 2)]

    def test_events_that_do_not_hold_their_object_by_pgh_obj(self):
        book = Book.objects.create(title="Emma")
        book.readers.create(name="Ada")
        age(BookReader)
        prune("pghistory_tests.BookReaderEvent", older_than="1 year")
        assert BookReader.pgh_event_model.objects.count() == 1
        book.readers.clear()
        age(BookReader)
        prune("pghistory_tests.BookReaderEvent", older_than="1 year")
        assert BookReader.pgh_event_model.objects.count() == 0

    def test_an_event_to_which_a_row_refers_stays(self):
        account = Account.objects.create()
        for balance in (1, 2):
            Account.objects.update(balance=balance)
        first = AccountEvent.objects.filter(pgh_obj=account).earliest("pgh_id")
        Remark.objects.create(event=first)
        age(Account)
        prune("pghistory_tests.Account", older_than="1 year")
        assert list(AccountEvent.objects.values_list("balance", flat=True)) == [0, 2]

    def test_contexts_without_events_go_too(self):
        with pghistory.context(user=1):
            StatementLevel.objects.create(number=1)
        with pghistory.context(user=2):
            StatementLevel.objects.update(number=2)
        age(StatementLevel)
        prune(LABEL, older_than="1 year")
        assert [each.metadata for each in Context.objects.all()] == [{"user": 2}]

    def test_a_dry_run_counts_and_changes_nothing(self):
        StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        found = json.loads(prune(LABEL, older_than="1 year", dry_run=True, format="json"))
        assert [(each["model"], each["removed"]) for each in found["models"]] == [
            (f"{LABEL}Event", 1)
        ]
        assert found["dry_run"] is True
        assert len(events(StatementLevel)) == 2
        assert not Maintenance.objects.filter(action="prune").exists()

    def test_the_declared_time_is_the_default(self, monkeypatch):
        StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        with pytest.raises(CommandError, match="--older-than, or declare"):
            prune(LABEL)
        monkeypatch.setattr(StatementLevel.pgh_event_model, "pgh_keep", timedelta(days=30))
        prune(LABEL)
        assert events(StatementLevel) == [("update", 2)]

    @pytest.mark.parametrize("text", ["7", "7m", "0d", "-1d", "seven"])
    def test_an_age_that_is_none_is_an_error(self, text):
        with pytest.raises(CommandError, match="expected days, weeks or years"):
            call_command("pghistory", "prune", f"--older-than={text}")

    def test_a_role_that_does_not_own_the_events_is_told_who_does(self):
        StatementLevel.objects.create(number=1)
        age(StatementLevel)
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE prune_reader")
            cursor.execute(
                "GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO prune_reader"
            )
            cursor.execute("GRANT SELECT, INSERT ON pghistory_maintenance TO prune_reader")
            cursor.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO prune_reader")
            cursor.execute("SET LOCAL ROLE prune_reader")
        with pytest.raises(CommandError, match=r'"prune_reader" does not own .* Connect as'):
            prune(LABEL, older_than="1 year")

    def test_a_member_of_the_owner_acts_as_the_owner(self):
        StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            [owner] = cursor.fetchone()
            cursor.execute("CREATE ROLE prune_member")
            cursor.execute(f'GRANT "{owner}" TO prune_member')
            cursor.execute("SET LOCAL ROLE prune_member")
            prune(LABEL, older_than="1 year")
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == ("prune_member",)


@pytest.mark.parametrize("keep", [7, timedelta(0), "7y"])
def test_a_declared_time_must_be_a_positive_timedelta(keep):
    with pytest.raises(ValueError, match="expected a positive timedelta"):
        pghistory.create_event_model(StatementLevel, keep=keep)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stopped")
class TestInterruption:
    def test_a_killed_run_is_continued_while_others_write(self):
        rows = StatementLevel.objects.bulk_create([StatementLevel(number=0) for _ in range(300)])
        for number in range(1, 11):
            StatementLevel.objects.update(number=number)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pghistory_tests_statementlevelevent "
                "SET pgh_created_at = pgh_created_at - interval '1000 days'"
            )
        before = timezone.now() - timedelta(days=365)

        def write(number):
            StatementLevel.objects.filter(pk=rows[number].pk).update(number=100 + number)

        runs = Maintenance.objects.filter(action="prune", event_table__endswith="levelevent")
        with Writers(write):
            process = start("pghistory", "prune", LABEL, "--older-than", "365d", "--batch", "20")
            wait_until(lambda: runs.filter(details__rows__gt=0).exists())
            process.kill()
            process.wait()
            assert runs.get().finished_at is None
            process = start("pghistory", "prune", LABEL, "--older-than", "365d", "--batch", "200")
            assert process.wait(60) == 0, process.communicate()
        found = StatementLevel.pgh_event_model.objects.filter(pgh_created_at__lt=before)
        assert set(found.values_list("pgh_obj_id", "number")) == {(row.pk, 10) for row in rows}
        assert found.count() == 300
        assert runs.get().details["rows"] == 3000
        assert not Maintenance.objects.filter(finished_at=None, action="prune").exists()

    def test_nothing_is_left_to_do_afterwards(self):
        StatementLevel.objects.create(number=1)
        StatementLevel.objects.update(number=2)
        age(StatementLevel)
        before = retention.time_before("1 year", "default")
        removal = pruning.of_events(StatementLevel.pgh_event_model, before, using="default")
        assert removal.count() == removal.run() == 1
        assert removal.count() == removal.run() == 0
