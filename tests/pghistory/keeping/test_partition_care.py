"""``manage.py pghistory partition``: partitions ahead of time, and old ones removed."""

import csv
import gzip
import io
import json
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

import pghistory
import pgtrigger
from pghistory.keeping import partitions, statistics
from pghistory.models import Maintenance
from tests.pghistory.dividing import at
from tests.pghistory.models import Account, AccountEvent, Ledger, Remark, StatementLevel
from tests.pghistory.processes import Writers, start, wait_until
from tests.pgtrigger.throwaway import execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stopped")]
LABEL = "pghistory_tests.StatementLevel"
EVENTS = "pghistory_tests_statementlevelevent"


def partition(*arguments, **options):
    out = io.StringIO()
    call_command("pghistory", "partition", *arguments, stdout=out, **options)
    return out.getvalue()


def let_all_be_old(model=StatementLevel):
    table = model.pgh_event_model._meta.db_table
    with pgtrigger.ignore():
        execute(f"UPDATE {table} SET pgh_created_at = pgh_created_at - interval '1000 days'")


def names(care):
    return [each.name.removeprefix(f"{care.table}_") for each in care.found.ranges]


class TestAhead:
    def test_there_are_always_empty_partitions(self, partitioned):
        care = partitioned(StatementLevel)
        assert partition(LABEL, ahead=3).count("created") == 2
        assert names(care) == ["first", "100", "200", "300"]
        assert partition(LABEL, ahead=3) == "Nothing to do.\n"
        at(StatementLevel, 150)
        StatementLevel.objects.create(number=1)
        partition(LABEL, ahead=3)
        assert names(care)[-1] == "400"

    def test_a_default_partition_with_events_becomes_a_range_with_a_warning(self, partitioned):
        care = partitioned(StatementLevel)
        at(StatementLevel, 777)
        row = StatementLevel.objects.create(number=1)
        assert care.events_in_default() == 1
        output = partition(LABEL, ahead=1)
        assert "WARNING: events were in the default partition" in output
        assert care.events_in_default() == 0
        assert [(each.lower, each.upper) for each in care.found.ranges[-2:]] == [
            (200, 800),
            (800, 1400),
        ]
        assert row.events.get().pgh_id == 777
        StatementLevel.objects.update(number=2)
        assert row.events.count() == 2

    def test_new_partitions_have_the_rules_and_no_privileges(self, partitioned):
        care = partitioned(Ledger)
        partition("pghistory_tests.Ledger", ahead=2)
        for each in care.found.all:
            with pytest.raises(pgtrigger.ProtectedError):
                execute(f"TRUNCATE {each.name}")
        assert pgtrigger.registered()
        assert not [each for each in pgtrigger.prunable() if "ledgerevent" in each[0]]

    def test_a_table_without_partitions_is_an_error_if_it_is_named(self):
        with pytest.raises(CommandError, match="is not partitioned"):
            partition(LABEL)
        assert partition() == "Nothing to do.\n"

    def test_a_dry_run_changes_nothing(self, partitioned):
        care = partitioned(StatementLevel)
        found = json.loads(partition(LABEL, ahead=2, dry_run=True, format="json"))
        assert [(each["action"], each["partition"]) for each in found["steps"]] == [
            ("create", f"{EVENTS}_200")
        ]
        assert names(care) == ["first", "100"]


class TestRemoval:
    @pytest.fixture
    def old(self, partitioned):
        """Two old partitions and a new one; one row changed in each, one only in the first."""
        care = partitioned(StatementLevel)
        rows = [StatementLevel.objects.create(number=n) for n in (1, 2)]
        gone = StatementLevel.objects.create(number=3)
        gone.delete()
        at(StatementLevel, 100)
        StatementLevel.objects.filter(pk=rows[0].pk).update(number=10)
        StatementLevel.objects.filter(pk=rows[0].pk).update(number=11)
        let_all_be_old()
        at(StatementLevel, 200)
        partition(LABEL, ahead=2)
        StatementLevel.objects.filter(pk=rows[0].pk).update(number=20)
        return care

    def test_old_partitions_go_and_the_last_event_of_each_object_stays(self, old):
        output = partition(LABEL, older_than="1 year")
        assert f"removed {EVENTS}_first: 2 events, 2 kept" in output
        assert f"removed {EVENTS}_100: 2 events, 2 kept" in output
        assert names(old)[:2] == ["kept_200", "200"]
        events = StatementLevel.pgh_event_model.objects.order_by("pgh_id")
        assert list(events.values_list("pgh_id", "number")) == [(2, 2), (101, 11), (200, 20)]
        assert "removed" not in partition(LABEL, older_than="1 year")

    def test_as_of_answers_for_later_times_and_names_the_earliest(self, old):
        newest = StatementLevel.pgh_event_model.objects.get(pgh_id=101).pgh_created_at
        partition(LABEL, older_than="1 year")
        with pghistory.as_of(timezone.now() - timedelta(days=500)):
            numbers = StatementLevel.objects.order_by("number").values_list("number", flat=True)
            assert list(numbers) == [2, 11]
        with (
            pghistory.as_of(newest - timedelta(seconds=1)),
            pytest.raises(DatabaseError, match=r"is complete from .* on"),
        ):
            StatementLevel.objects.exists()

    def test_what_was_removed_is_recorded_and_exported(self, old, tmp_path):
        partition(LABEL, older_than="1 year", export=tmp_path)
        record = Maintenance.objects.get(action="partition")
        assert record.finished_at
        assert record.details == {"rows": 4, "partitions": [f"{EVENTS}_first", f"{EVENTS}_100"]}
        with gzip.open(tmp_path / f"{EVENTS}_first.csv.gz", "rt") as file:
            rows = list(csv.DictReader(file))
        assert [(each["pgh_label"], each["number"]) for each in rows] == [
            ("insert", "1"),
            ("insert", "2"),
            ("insert", "3"),
            ("delete", "3"),
        ]
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            f"{EVENTS}_100.csv.gz",
            f"{EVENTS}_first.csv.gz",
        ]

    def test_an_export_does_not_overwrite_a_file(self, old, tmp_path):
        before = tmp_path / f"{EVENTS}_first.csv.gz"
        before.write_text("of a table of this name in another schema")
        partition(LABEL, older_than="1 year", export=tmp_path)
        assert before.read_text() == "of a table of this name in another schema"
        with gzip.open(tmp_path / f"{EVENTS}_first.2.csv.gz", "rt") as file:
            assert len(list(csv.DictReader(file))) == 4

    def test_an_export_can_be_read_back(self, old, tmp_path):
        partition(LABEL, older_than="1 year", export=tmp_path)
        execute("CREATE TEMP TABLE read_back (LIKE pghistory_tests_statementlevelevent)")
        with (
            connection.cursor() as cursor,
            gzip.open(tmp_path / f"{EVENTS}_first.csv.gz", "rb") as file,
            cursor.copy("COPY read_back FROM STDIN (FORMAT csv, HEADER)") as copy,
        ):
            copy.write(file.read())
        assert execute("SELECT count(*) FROM read_back") == [(4,)]
        execute("DROP TABLE read_back")

    def test_without_an_age_nothing_is_removed(self, old, monkeypatch):
        assert "removed" not in partition(LABEL)
        monkeypatch.setattr(StatementLevel.pgh_event_model, "pgh_keep", timedelta(days=30))
        assert "removed" in partition(LABEL)

    def test_a_partition_to_which_rows_refer_stays(self, partitioned):
        care = partitioned(Account)
        account = Account.objects.create()
        Account.objects.update(balance=1)
        Remark.objects.create(event=AccountEvent.objects.filter(pgh_obj=account).first())
        let_all_be_old(Account)
        at(Account, 100)
        Account.objects.update(balance=2)
        with pytest.raises(
            CommandError, match=r"pghistory_tests_remark refer to events in .*first"
        ):
            partition("pghistory_tests.Account", older_than="1 year")
        Remark.objects.all().delete()
        partition("pghistory_tests.Account", older_than="1 year")
        assert names(care)[0] == "kept_100"

    def test_append_only_events_are_removed_and_stay_append_only(self, partitioned):
        partitioned(Ledger)
        row = Ledger.objects.create(amount=1)
        Ledger.objects.update(amount=2)
        let_all_be_old(Ledger)
        at(Ledger, 100)
        Ledger.objects.update(amount=3)
        partition("pghistory_tests.Ledger", older_than="1 year")
        assert list(row.events.order_by("pgh_id").values_list("amount", flat=True)) == [2, 3]
        for event in row.events.all():
            with pytest.raises(pgtrigger.ProtectedError):
                event.delete()

    def test_prune_and_erase_work_in_partitions(self, old):
        row = StatementLevel.objects.get(number=2)
        pghistory.erase(row, {"text": "erased"})
        call_command("pghistory", "prune", LABEL, older_than="1 year", verbosity=0)
        events = StatementLevel.pgh_event_model.objects.order_by("pgh_id")
        assert list(events.values_list("number", "text")) == [(2, "erased"), (11, None), (20, None)]


class TestConcurrency:
    def test_writers_go_on_while_partitions_are_removed(self, partitioned):
        care = partitioned(StatementLevel, every=1000)
        rows = StatementLevel.objects.bulk_create([StatementLevel(number=0) for _ in range(200)])
        at(StatementLevel, 1000)
        StatementLevel.objects.update(number=1)
        let_all_be_old()
        at(StatementLevel, 2000)
        partition(LABEL, ahead=20)

        def write(number):
            StatementLevel.objects.filter(pk=rows[number].pk).update(number=time.monotonic_ns() % 9)
            time.sleep(0.01)

        with Writers(write, number=4) as writers:
            wait_until(lambda: writers.count > 4)
            partition(LABEL, older_than="1 year")
            after = writers.count
            wait_until(lambda: writers.count > after + 4)
        assert names(care)[0] == "kept_2000"
        kept = StatementLevel.pgh_event_model.objects.filter(pgh_id__lt=2000)
        assert kept.count() == 200

    def test_a_killed_run_is_continued_while_others_write(self, partitioned, tmp_path):
        care = partitioned(StatementLevel, every=1000)
        StatementLevel.objects.bulk_create([StatementLevel(number=0) for _ in range(900)])
        for key in (1000, 2000, 3000):
            partition(LABEL, ahead=3)
            at(StatementLevel, key)
            StatementLevel.objects.update(number=key)
        let_all_be_old()
        at(StatementLevel, 4000)
        # Enough for all writes below: the killed run must not wait to create one.
        partition(LABEL, ahead=9)
        StatementLevel.objects.update(number=4000)
        command = ("pghistory", "partition", LABEL, "--ahead", "1")
        arguments = (*command, "--older-than", "1y", "--export", tmp_path)
        earlier = StatementLevel.pgh_event_model.objects.filter(pgh_id__lt=4900)
        keys = list(StatementLevel.objects.values_list("pk", flat=True))

        def write(number):
            StatementLevel.objects.filter(pk=keys[number]).update(number=time.monotonic_ns() % 99)
            time.sleep(0.1)

        with Writers(write, number=4):
            with transaction.atomic():
                # Somebody reads events, so that the run waits for its lock and can be killed there.
                StatementLevel.pgh_event_model.objects.exists()
                process = start(*arguments)
                wait_until(lambda: (tmp_path / f"{EVENTS}_first.csv.gz").exists())
                process.kill()
                process.wait()
            assert names(care)[:2] == ["first", "1000"]
            assert earlier.count() == 4500
            process = start(*arguments)
            assert process.wait(120) == 0, process.communicate()
        assert names(care)[0] == "kept_4000"
        assert earlier.count() == 1800
        numbers = StatementLevel.pgh_event_model.objects.filter(pgh_id__lt=4000)
        assert set(numbers.values_list("number", flat=True)) == {3000}
        assert Maintenance.objects.get(action="partition").details["rows"] == 2700
        assert (tmp_path / f"{EVENTS}_first.2.csv.gz").exists()

    def test_stats_show_the_partitions_left_and_the_default_partition(self, partitioned):
        partitioned(StatementLevel)
        [found] = statistics.collect([StatementLevel.pgh_event_model], using="default")
        assert (found.partitions_left, found.default_rows) == (1, 0)
        at(StatementLevel, 999)
        StatementLevel.objects.create(number=1)
        [found] = statistics.collect([StatementLevel.pgh_event_model], using="default")
        assert (found.partitions_left, found.default_rows) == (0, 1)
        [plain] = statistics.collect([Account.pgh_event_model], using="default")
        assert (plain.partitions_left, plain.default_rows) == (None, None)

    def test_ranges_are_read_from_the_catalog(self, partitioned):
        care = partitioned(StatementLevel, every=50)
        found = partitions.read(care.table, "default")
        assert (found.every, found.end, found.ahead_of(0)) == (50, 100, 1)
