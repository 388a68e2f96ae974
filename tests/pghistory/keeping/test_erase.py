"""Erasing a person from history, and nothing else."""

import io
import json
import time

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection

import pghistory
import pgtrigger
from pghistory.models import Context, Events, Maintenance
from tests.pghistory.models import (
    Author,
    Book,
    Denormalized,
    Dog,
    Ledger,
    Seat,
    StatementLevel,
    Ticket,
    TicketLine,
    TrackedAuthor,
    Vault,
)
from tests.pghistory.processes import Writers, start, wait_until

LABEL = "pghistory_tests.StatementLevel"


def rows(model):
    fields = [field.attname for field in model._meta.local_concrete_fields]
    return list(model.pgh_event_model.objects.order_by("pgh_id").values_list(*fields))


def command(*arguments, **options):
    out = io.StringIO()
    call_command("pghistory", "erase", *arguments, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db
class TestEvents:
    def test_fields_become_null_or_empty_in_all_events_of_the_object(self):
        book = Book.objects.create(title="Emma", data={"a": 1})
        Book.objects.update(title="Emma 2")
        other = Book.objects.create(title="Other", data={"b": 1})
        receipt = pghistory.erase(book, fields=["title", "data", "twin"])
        found = Book.pgh_event_model.objects.order_by("pgh_id")
        assert list(found.filter(pgh_obj=book).values_list("title", "data")) == [("", {}), ("", {})]
        assert list(found.filter(pgh_obj=other).values_list("title", "data")) == [
            ("Other", {"b": 1})
        ]
        assert receipt.events == {"pghistory_tests.BookEvent": 2}
        assert receipt.object == f"pghistory_tests.Book {book.pk}"
        book.refresh_from_db()
        assert book.title == "Emma 2"

    def test_other_values_take_their_place(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        pghistory.erase(row, fields={"number": 0, "text": "erased"})
        assert rows(StatementLevel) == [(row.pk, 0, "erased")]

    def test_a_field_that_cannot_be_empty_needs_a_value(self):
        row = StatementLevel.objects.create(number=1)
        with pytest.raises(ValueError, match="say what takes its place"):
            pghistory.erase(row, fields=["number"])

    def test_the_key_cannot_be_erased(self):
        seat = Seat.objects.create(row="A", number=1)
        with pytest.raises(ValueError, match="says which object"):
            pghistory.erase(seat, fields=["row"])
        with pytest.raises(ValueError, match="says which object"):
            pghistory.erase(StatementLevel.objects.create(number=1), fields=["id"])

    def test_an_unknown_field_is_an_error_before_anything_is_erased(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        with pytest.raises(ValueError, match="nothing: not a field"):
            pghistory.erase(row, fields=["text", "nothing"])
        assert rows(StatementLevel) == [(row.pk, 1, "Ada")]

    def test_events_that_refer_to_the_object(self):
        ticket = Ticket.objects.create(key="ticket_1", title="Ada's")
        TicketLine.objects.create(ticket=ticket)
        receipt = pghistory.erase(ticket, fields=["title"])
        assert receipt.references == {"pghistory_tests.TicketLineEvent": 1}
        assert Ticket.pgh_event_model.objects.get().title == ""

    def test_fields_of_events_that_refer_to_the_object(self):
        author, other = Author.objects.create(name="Ada"), Author.objects.create(name="Bob")
        Book.objects.create(title="Ada's letters", author=author)
        Book.objects.create(title="Bob's letters", author=other)
        pghistory.erase(author, fields=["name", "pghistory_tests.Book.title"])
        titles = Book.pgh_event_model.objects.values_list("title", flat=True)
        assert set(titles) == {"", "Bob's letters"}
        assert set(TrackedAuthor.pgh_event_model.objects.values_list("name", flat=True)) == {
            "",
            "Bob",
        }

    def test_composite_keys_and_inherited_fields(self):
        seats = [Seat.objects.create(row="A", number=n, guest="Ada") for n in (1, 2)]
        pghistory.erase(seats[0], fields=["guest"])
        assert set(Seat.pgh_event_model.objects.values_list("number", "guest")) == {
            (1, ""),
            (2, "Ada"),
        }
        dog = Dog.objects.create(name="Rex")
        pghistory.erase(dog, fields=["name"])
        assert Dog.pgh_event_model.objects.get().name is None

    @pytest.mark.parametrize("model", [Ledger, Vault], ids=["append_only", "strict"])
    def test_append_only_events_are_erased_and_stay_append_only(self, model):
        row = model.objects.create(amount=1)
        pghistory.erase(row, fields={"amount": 0})
        event = row.events.get()
        assert event.amount == 0
        with pytest.raises(pgtrigger.ProtectedError):
            event.save()

    def test_a_deleted_object_is_known_by_its_key(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        key = row.pk
        row.delete()
        pghistory.erase(StatementLevel(pk=key), fields=["text"])
        assert rows(StatementLevel) == [(key, 1, None)] * 2

    def test_an_object_without_a_key_is_an_error_that_names_the_remedy(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        row.delete()
        with pytest.raises(ValueError, match=r"Pass StatementLevel\(pk=\.\.\.\) with the key"):
            pghistory.erase(row, fields=["text"])

    def test_only_the_owner_may(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE erase_nobody")
            cursor.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO erase_nobody")
            cursor.execute("SET LOCAL ROLE erase_nobody")
        with pytest.raises(pghistory.NotOwner, match="does not own"):
            pghistory.erase(row, fields=["text"])


@pytest.mark.django_db
class TestContexts:
    def test_the_contexts_of_a_user_lose_user_and_url(self):
        user, other = (get_user_model().objects.create(username=name) for name in ("ada", "bob"))
        for each in (user, other):
            with pghistory.context(user=each.pk, url="/a/", reason="kept"):
                StatementLevel.objects.create(number=1)
        receipt = pghistory.erase(user, fields=[])
        assert receipt.contexts == {"pghistory.Context": 1}
        assert sorted(Context.objects.values_list("metadata", flat=True), key=len) == [
            {"reason": "kept"},
            {"user": other.pk, "url": "/a/", "reason": "kept"},
        ]

    def test_any_key_chooses_contexts_and_is_erased(self):
        with pghistory.context(email="ada@example.com", ip="::1", url="/"):
            StatementLevel.objects.create(number=1)
        other = Author.objects.create(name="Ada")
        pghistory.erase(other, [], contexts={"email": "ada@example.com"}, metadata=["ip"])
        assert Context.objects.get().metadata == {"url": "/"}

    def test_the_contexts_of_the_events_lose_the_url_and_keep_who_it_was(self):
        with pghistory.context(user=7, url="/customers/ada/"):
            row = StatementLevel.objects.create(number=1, text="Ada")
        pghistory.erase(row, fields=["text"])
        assert Context.objects.get().metadata == {"user": 7}
        assert Events.objects.tracks(row).get().pgh_context == {"user": 7}

    def test_contexts_that_events_hold_themselves(self):
        user = get_user_model().objects.create(username="ada")
        with pghistory.context(user=user.pk, url="/a/", reason="kept"):
            Denormalized.objects.create(number=1)
        with pghistory.context(user=0, url="/a/"):
            row = Denormalized.objects.create(number=2)
        pghistory.erase(user, fields=[])
        pghistory.erase(row, fields=[])
        found = Denormalized.pgh_event_model.objects.order_by("pgh_id")
        assert [each.pgh_context for each in found] == [{"reason": "kept"}, {"user": 0}]


@pytest.mark.django_db
class TestReceipt:
    def test_a_dry_run_counts_and_changes_nothing(self):
        with pghistory.context(url="/ada/"):
            row = StatementLevel.objects.create(number=1, text="Ada")
        receipt = pghistory.erase(row, ["text"], dry_run=True)
        assert (receipt.events, receipt.contexts) == (
            {f"{LABEL}Event": 1},
            {"pghistory.Context": 1},
        )
        assert rows(StatementLevel) == [(row.pk, 1, "Ada")]
        assert Context.objects.get().metadata == {"url": "/ada/"}
        assert not Maintenance.objects.filter(action="erase").exists()
        done = pghistory.erase(row, ["text"])
        assert done.events == receipt.events
        assert done.contexts == receipt.contexts

    def test_it_is_recorded_without_the_values(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        pghistory.erase(row, ["text"])
        record = Maintenance.objects.get(action="erase")
        assert record.finished_at
        assert record.details == {
            "rows": 1,
            "object": f"{LABEL} {row.pk}",
            "fields": ["text"],
            "metadata": ["url"],
        }

    def test_the_second_time_there_is_nothing_to_erase(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        pghistory.erase(row, ["text"], batch=1)
        assert pghistory.erase(row, ["text"]).events == {}
        assert Maintenance.objects.filter(action="erase").count() == 1

    def test_the_command_prints_it(self):
        row = StatementLevel.objects.create(number=1, text="Ada")
        found = json.loads(command(LABEL, row.pk, field=["text=gone"], format="json", dry_run=True))
        assert found["events"] == {f"{LABEL}Event": 1}
        assert f"{LABEL}Event: 1 erased" in command(LABEL, row.pk, field=["text=gone"])
        assert rows(StatementLevel) == [(row.pk, 1, "gone")]

    @pytest.mark.parametrize(("label", "key"), [("no.Model", "1"), (LABEL, "x")])
    def test_the_command_needs_the_key_of_an_object(self, label, key):
        with pytest.raises(CommandError, match="not the key of an object"):
            command(label, key)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stopped")
def test_a_killed_run_is_continued_while_others_write():
    row = StatementLevel.objects.create(number=0, text="Ada")
    other = StatementLevel.objects.create(number=0, text="Bob")
    for number in range(200):
        StatementLevel.objects.update(number=number)
    records = Maintenance.objects.filter(action="erase")
    arguments = ("pghistory", "erase", LABEL, row.pk, "--field", "text", "--batch", 1)

    def write(number):
        StatementLevel.objects.filter(pk=other.pk).update(number=time.monotonic_ns() % 99)
        StatementLevel.objects.create(number=number, text="Eve")
        time.sleep(0.01)

    with Writers(write):
        process = start(*arguments)
        wait_until(lambda: records.filter(details__rows__gt=0).exists())
        process.kill()
        process.wait()
        assert records.get().finished_at is None
        process = start(*arguments)
        assert process.wait(60) == 0, process.communicate()
    found = StatementLevel.pgh_event_model.objects
    assert set(found.filter(pgh_obj=row).values_list("text", flat=True)) == {None}
    assert set(found.exclude(pgh_obj=row).values_list("text", flat=True)) == {"Bob", "Eve"}
    assert (records.get().details["rows"], records.get().finished_at is None) == (
        found.filter(pgh_obj=row).count(),
        False,
    )
