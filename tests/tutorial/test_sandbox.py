"""The sandbox: rows that exist only while a page is made."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections, models, transaction
from django.test import Client

from tutorial import sandbox
from tutorial.models import (
    FSM,
    AppendOnly,
    Author,
    Book,
    CannotDelete,
    Member,
    OfficialInterface,
    Page,
    Project,
    ReadOnlyField,
    SoftDelete,
    Task,
    Team,
    User,
    Versioned,
)
from tutorial.sandbox_forms import NOWHERE_PLACE

pytestmark = pytest.mark.django_db


class Visitor:
    """Somebody who presses one button after another, as the page carries the journal on."""

    def __init__(self, *shown: type[models.Model], chapter: str = ""):
        self.shown, self.chapter = shown, chapter
        self.sandbox = sandbox.visit(shown, chapter=chapter)

    def press(self, action: str, **values: Any) -> sandbox.Section:
        kind, name, *place = action.split(":")
        prefix = f"{name}-{place[0] if place and kind != 'add' else 'new'}"
        data = {f"{prefix}-{field}": value for field, value in values.items()}
        for section in self.sandbox.sections:
            for row in section.rows:
                if row.form:
                    shown = {field.html_initial_name: field.value() for field in row.form}
                    data |= {
                        key: value for key, value in shown.items() if value not in (None, False)
                    }
        journal = sandbox.read_journal(self.sandbox.token, self.shown)
        self.sandbox = sandbox.visit(self.shown, journal, action, data, chapter=self.chapter)
        return next(section for section in self.sandbox.sections if section.name == name)


def test_an_added_row_is_there_at_the_next_step_and_not_in_the_database() -> None:
    visitor = Visitor(Versioned)
    visitor.press("add:Versioned", version=0, char_field="one")
    section = visitor.press("add:Versioned", version=0, char_field="two")

    assert [row.instance.char_field for row in section.rows] == ["one", "two"]
    assert Versioned.objects.count() == 0


def test_triggers_fire_as_ever() -> None:
    visitor = Visitor(Versioned)
    visitor.press("add:Versioned", version=0, char_field="one")
    section = visitor.press("save:Versioned:0", version=0, char_field="two")

    assert section.rows[0].instance.version == 1


def test_a_refused_change_is_an_error_of_its_form_and_is_forgotten() -> None:
    visitor = Visitor(AppendOnly)
    visitor.press("add:AppendOnly", int_field=1)
    section = visitor.press("save:AppendOnly:0", int_field=2)

    assert section.rows[0].refusal["constraint"] == "append_only"
    assert section.rows[0].form.non_field_errors()
    assert len(visitor.sandbox.journal) == 1


def test_a_refused_transition_is_an_error_of_its_field() -> None:
    visitor = Visitor(FSM)
    visitor.press("add:FSM", status="inactive")
    section = visitor.press("save:FSM:0", status="published")

    assert "Invalid transition" in section.rows[0].form.errors["status"][0]


def test_a_refused_deletion_is_shown_at_its_row() -> None:
    visitor = Visitor(AppendOnly)
    visitor.press("add:AppendOnly", int_field=1)
    section = visitor.press("delete:AppendOnly:0")

    assert section.rows[0].instance is not None
    assert section.rows[0].refusal["SQLSTATE"] == "23000"


def test_a_refused_addition_is_shown_at_the_form_for_new_rows() -> None:
    section = Visitor(OfficialInterface).press("add:OfficialInterface")

    assert section.rows == []
    assert section.refusal["constraint"] == "protect_inserts"


def test_a_soft_deleted_row_is_still_there() -> None:
    visitor = Visitor(SoftDelete)
    visitor.press("add:SoftDelete", is_active="on")
    section = visitor.press("delete:SoftDelete:0")

    assert section.rows[0].instance.is_active is False


def test_a_time_that_is_filled_in_by_itself_does_not_count_as_changed() -> None:
    visitor = Visitor(ReadOnlyField)
    visitor.press("add:ReadOnlyField", int_field=1)
    row = visitor.sandbox.sections[0].rows[0]
    section = visitor.press(
        "save:ReadOnlyField:0", int_field=2, created_at=row.form["created_at"].value()
    )

    assert section.rows[0].refusal == {}
    assert section.rows[0].instance.int_field == 2


def test_rows_refer_to_each_other_by_place() -> None:
    visitor = Visitor(Team, Member)
    visitor.press("add:Team", name="Red", is_active="on")
    visitor.press("add:Team", name="Blue", is_active="on")
    section = visitor.press("add:Member", team_id=1, name="Ada", is_active="on")

    assert section.rows[0].form["team_id"].value() == 1


def test_a_deferred_constraint_is_checked_at_each_step() -> None:
    section = Visitor(Author, Book).press("add:Book", title="Unsigned", author_id=NOWHERE_PLACE)

    assert section.refusal["SQLSTATE"] == "23503"


def test_a_constraint_of_the_table_is_a_refusal_too() -> None:
    visitor = Visitor(User)
    visitor.press("add:User", email="ada@example.org")
    section = visitor.press("add:User", email="ada@example.org")

    assert section.refusal["SQLSTATE"] == "23505"


def test_what_a_form_does_not_take_never_reaches_the_database() -> None:
    section = Visitor(FSM).press("add:FSM", status="anything")

    assert section.refusal == {}
    assert "status" in section.add_form.errors


def test_a_tampered_journal_is_an_empty_one() -> None:
    assert sandbox.read_journal("W10:forged:signature", [AppendOnly]) == []


def test_a_journal_of_another_chapter_is_an_empty_one() -> None:
    visitor = Visitor(AppendOnly)
    visitor.press("add:AppendOnly", int_field=1)

    assert sandbox.read_journal(visitor.sandbox.token, [FSM]) == []


def test_a_sandbox_is_full_at_some_point() -> None:
    visitor = Visitor(AppendOnly)
    for number in range(sandbox.MAX_STEPS + 1):
        visitor.press("add:AppendOnly", int_field=number)

    assert visitor.sandbox.is_full
    assert len(visitor.sandbox.journal) == sandbox.MAX_STEPS


@pytest.mark.parametrize("place", ["9" * 5000, "٣", "-1", "1e3", ""])
def test_a_place_that_is_not_a_number_is_the_first_row(place: str) -> None:
    visitor = Visitor(Versioned)
    visitor.press("add:Versioned", version=0, char_field="one")

    journal = sandbox.read_journal(visitor.sandbox.token, visitor.shown)
    again = sandbox.visit(visitor.shown, journal, f"delete:Versioned:{place}")

    assert len(again.sections[0].rows) == 1


def test_the_journal_has_a_limit_of_bytes() -> None:
    visitor = Visitor(Page)
    section = visitor.press("add:Page", title="long", text="x" * sandbox.MAX_BYTES)

    assert visitor.sandbox.journal == []
    assert "bytes" in section.refusal["message"]


def test_texts_that_compress_well_count_in_full(client: Client) -> None:
    """Compressed, texts of 2 MB fit into a token. The page shows what was sent, and no more."""
    token = ""
    for number in range(2):
        sent = {"Page-new-title": f"page {number}", "Page-new-text": "x" * 2_000_000}
        sent |= {"action": "add:Page", "journal": token}
        response = client.post("/tracking-users/try/", sent)
        found = response.context["sandbox"]
        assert (response.status_code, len(response.content) < 2_500_000) == (200, True)
        assert "bytes" in found.sections[0].refusal["message"]
        token = found.token
    assert sandbox.read_journal(token, [Page]) == []


@pytest.mark.django_db(transaction=True)
def test_visitors_with_the_same_values_in_opposite_order_do_not_wait() -> None:
    """Each has added one email when both add the other's; somebody else has locked a real row."""
    emails = "ada@example.org", "bob@example.org"
    real = User.objects.create(email=emails[0])
    both = threading.Barrier(2)

    def add(order: tuple[str, ...]) -> list[int]:
        visitor, rows = Visitor(User), []
        try:
            for email in order:
                both.wait(60)
                rows.append(len(visitor.press("add:User", email=email).rows))
            return rows
        finally:
            connections.close_all()

    with transaction.atomic(), ThreadPoolExecutor(2) as pool:
        User.objects.select_for_update().get(pk=real.pk)
        found = [pool.submit(add, order) for order in (emails, emails[::-1])]
        assert [each.result(60) for each in found] == [[1, 2], [1, 2]]


def test_a_unique_value_of_a_real_row_does_not_matter() -> None:
    User.objects.create(email="ada@example.org")
    visitor = Visitor(User)
    section = visitor.press("add:User", email="ada@example.org")

    assert len(section.rows) == 1


class TestOutcome:
    def test_a_step_shows_its_sql_and_the_rows_that_it_changed(self) -> None:
        visitor = Visitor(Versioned)
        visitor.press("add:Versioned", version=0, char_field="one")
        visitor.press("save:Versioned:0", version=0, char_field="two")

        outcome = visitor.sandbox.outcome
        assert outcome is not None
        assert any(found.text.startswith("UPDATE") for found in outcome.shown_statements)
        ((_, (row,)),) = outcome.tables[0].steps
        assert (row.state, row.values[1:]) == ("changed", (1, "two"))

    def test_a_step_shows_the_events_that_it_wrote(self) -> None:
        visitor = Visitor(Page)
        visitor.press("add:Page", title="News", text="We have begun.")

        assert visitor.sandbox.outcome is not None
        ((name, (group,)),) = visitor.sandbox.outcome.timelines
        (entry,) = group["entries"]
        assert (name, entry["write"].labels) == ("Page", ["insert"])

    def test_a_refusal_is_shown_as_python_sees_it(self) -> None:
        visitor = Visitor(AppendOnly)
        visitor.press("add:AppendOnly", int_field=1)
        visitor.press("delete:AppendOnly:0")

        assert visitor.sandbox.outcome is not None
        error = dict(visitor.sandbox.outcome.error)
        assert error["raises"] == "ProtectedError"
        assert error["error.trigger"] == "'append_only'"
        assert error["because of"] == "IntegrityConstraintViolation"

    def test_a_refined_error_is_the_chapters_own(self) -> None:
        visitor = Visitor(User, chapter="refined_errors")
        visitor.press("add:User", email="ada@example.org")
        section = visitor.press("add:User", email="ada@example.org")

        assert visitor.sandbox.outcome is not None
        assert visitor.sandbox.outcome.error[0] == ("raises", "UserAlreadyExists")
        assert section.refusal["SQLSTATE"] == "23505"


class TestOtherWays:
    def test_the_official_interface_stands_beside_the_forbidden_one(self) -> None:
        visitor = Visitor(OfficialInterface, chapter="official_interface")
        visitor.press("add:OfficialInterface")
        section = visitor.press("way:OfficialInterface::0")

        assert len(section.rows) == 1
        assert visitor.sandbox.outcome is not None
        assert any("pgtrigger" in found.text for found in visitor.sandbox.outcome.statements)

    def test_drift_is_caused_and_repaired(self) -> None:
        visitor = Visitor(CannotDelete, chapter="drift")
        visitor.press("add:CannotDelete")
        visitor.press("add:CannotDelete")
        visitor.press("way:CannotDelete::0")
        assert visitor.sandbox.outcome is not None
        assert visitor.sandbox.outcome.returned == "OUTDATED"
        section = visitor.press("delete:CannotDelete:0")
        assert section.rows[0].instance is None

        visitor.press("way:CannotDelete::1")
        section = visitor.press("delete:CannotDelete:1")
        assert section.rows[1].refusal["constraint"] == "protect_deletes"

    def test_a_page_is_reverted(self) -> None:
        visitor = Visitor(Page, chapter="revert")
        visitor.press("add:Page", title="News", text="We have begun.")
        visitor.press("save:Page:0", title="News", text="Lorem ipsum")
        section = visitor.press("way:Page:0:0")

        assert section.rows[0].instance.text == "We have begun."

    def test_what_was_deleted_together_is_restored(self) -> None:
        visitor = Visitor(Project, Task, chapter="undelete")
        visitor.press("add:Project", name="Garden")
        visitor.press("add:Task", project_id=0, text="dig")
        visitor.press("delete:Project:0")
        section = visitor.press("way:Project:0:0")

        assert section.rows[0].instance.deleted_at is None
        assert visitor.sandbox.outcome is not None
        assert "'tutorial.Task': 1" in visitor.sandbox.outcome.returned

    def test_a_way_that_fails_is_an_error_of_the_row(self) -> None:
        visitor = Visitor(Project, Task, chapter="undelete")
        visitor.press("add:Project", name="Garden")
        section = visitor.press("way:Project:0:0")

        assert "is not deleted" in section.rows[0].refusal["message"]

    @pytest.mark.parametrize("action", ["way:Page:0:9", "way:Page::", "way:Page:0:0:0", "way:::"])
    def test_a_way_that_is_not_there_does_nothing(self, action: str) -> None:
        visitor = Visitor(Page, chapter="tracking_history")
        visitor.press("add:Page", title="News", text="We have begun.")
        journal = sandbox.read_journal(visitor.sandbox.token, visitor.shown)

        again = sandbox.visit(visitor.shown, journal, action, {}, chapter="tracking_history")
        assert again.journal == journal
