"""``track(mask=[...])``: events record that a field changed, and not what it holds."""

import pytest
from django.db import connection, models, transaction
from django.test.utils import isolate_apps
from django.utils import timezone

import pghistory
from pghistory import CannotRevert, CannotUndo, ChangeSet
from pghistory.models import Events
from tests.pghistory.models import Employee, Member, Person, RowMember, Seat

pytestmark = pytest.mark.django_db(transaction=True)
LEVELS = pytest.mark.parametrize("model", [Member, RowMember])
CHANGED = ["(masked)", "(changed)"]


def last(model):
    return model.pgh_event_model.objects.order_by("pgh_id").last()


def flags(model):
    events = model.pgh_event_model.objects.order_by("pgh_id")
    return list(events.values_list("pgh_label", "pgh_password_changed", "pgh_pin_changed"))


@pytest.fixture
def member():
    return Member.objects.create(name="Ada", password="s3cret", pin=1)


class TestEvents:
    @LEVELS
    def test_they_say_whether_an_update_changed_the_field(self, model):
        row = model.objects.create(name="Ada", password="s3cret", pin=1)
        model.objects.update(password="other")
        model.objects.update(name="Eve")
        model.objects.update(name="Bob", pin=None)
        row.delete()
        assert flags(model) == [
            ("insert", None, None),
            ("update", True, False),
            ("update", False, False),
            ("update", False, True),
            ("delete", None, None),
        ]

    @LEVELS
    def test_several_rows_of_one_statement(self, model):
        for number in range(3):
            model.objects.create(name=str(number), password="x", pin=number)
        model.objects.update(name="all", pin=1)
        assert [pin for label, _, pin in flags(model) if label == "update"] == [True, False, True]

    @LEVELS
    def test_no_column_of_the_table_holds_the_value(self, model):
        model.objects.create(name="Ada", password="s3cret")
        model.objects.update(password="pa55word")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT e::text FROM {model.pgh_event_model._meta.db_table} e")
            text = str(cursor.fetchall())
        assert "s3cret" not in text
        assert "pa55word" not in text

    def test_an_update_of_masked_fields_alone_is_an_event(self, member):
        Member.objects.update(password="other")
        Member.objects.update(password="other")
        assert len(flags(Member)) == 2

    def test_fields_of_a_parents_table(self):
        Employee.objects.create(name="Ada", secret="a", code="b")
        Person.objects.update(secret="c")
        Employee.objects.update(code="d")
        Employee.objects.update(salary=1)
        events = Employee.pgh_event_model.objects.order_by("pgh_id")
        assert list(events.values_list("pgh_secret_changed", "pgh_code_changed")) == [
            (None, None),
            (True, False),
            (False, True),
            (False, False),
        ]

    def test_an_operator_of_another_schema_does_not_answer(self, monkeypatch):
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE SCHEMA evil; CREATE FUNCTION evil.same(varchar, varchar) RETURNS boolean "
                "LANGUAGE sql AS 'SELECT true'; CREATE OPERATOR evil.= (LEFTARG = varchar, "
                "RIGHTARG = varchar, FUNCTION = evil.same)"
            )
            try:
                RowMember.objects.create(name="Ada", password="a")
                with transaction.atomic():
                    cursor.execute("SET LOCAL search_path = evil, public, pg_catalog")
                    RowMember.objects.update(password="b")
                assert last(RowMember).pgh_password_changed is True
            finally:
                cursor.execute("DROP SCHEMA evil CASCADE")


class TestReading:
    def test_a_timeline_says_changed(self, member):
        Member.objects.update(name="Eve", password="other")
        Member.objects.update(pin=2)
        events = Events.objects.tracks(member).order_by("pgh_id")
        assert [event.pgh_diff for event in events] == [
            None,
            {"name": ["Ada", "Eve"], "password": CHANGED},
            {"pin": CHANGED},
        ]
        assert events[0].pgh_data == {"id": member.pk, "name": "Ada"}

    def test_diff_says_changed(self, member):
        created = last(Member)
        Member.objects.update(password="other")
        changed = last(Member)
        Member.objects.update(name="Eve")
        renamed = last(Member)
        assert pghistory.diff(created, changed) == {"password": CHANGED}
        assert pghistory.diff(changed, renamed) == {"name": ["Ada", "Eve"]}
        member.refresh_from_db()
        assert pghistory.diff(created, member) == {"name": ["Ada", "Eve"], "password": CHANGED}
        assert pghistory.diff(renamed, member) == {}

    def test_as_of_does_not_know_it(self, member):
        then = timezone.now()
        Member.objects.update(name="Eve", password="other")
        with pghistory.as_of(then):
            found = Member.objects.get()
        assert (found.name, found.password, found.pin) == ("Ada", None, None)
        found = pghistory.as_of(member, then)
        assert (found.name, found.password, found.pin) == ("Ada", None, None)


class TestRevert:
    def test_the_field_stays_as_it_is(self, member):
        created = last(Member)
        Member.objects.update(name="Eve", password="other")
        assert [each.field for each in created.revert(dry_run=True).changes] == ["name"]
        assert created.can_revert
        created.revert()
        found = Member.objects.get()
        assert (found.name, found.password, found.pin) == ("Ada", "other", 1)

    def test_a_deleted_row_needs_a_value(self, member):
        member.delete()
        with pytest.raises(CannotRevert, match="password: it is masked"):
            last(Member).revert()
        restored = last(Member).revert(masked={"password": "!"})
        assert (restored.name, restored.password, restored.pin) == ("Ada", "!", None)


class TestUndo:
    def test_an_update_of_other_fields(self, member):
        Member.objects.update(name="Eve")
        ChangeSet.of(last(Member)).undo()
        found = Member.objects.get()
        assert (found.name, found.password) == ("Ada", "s3cret")

    @pytest.mark.parametrize(
        "write", [lambda: Member.objects.update(pin=7), Member.objects.all().delete]
    )
    def test_what_is_not_known_is_a_conflict(self, member, write):
        write()
        with pytest.raises(CannotUndo, match="is masked: no event says what it was before"):
            ChangeSet.of(last(Member)).undo()

    def test_a_row_that_was_inserted_is_deleted(self):
        with transaction.atomic():
            for name in ("kept", "gone"):
                Member.objects.create(name=name, password="x")
            Member.objects.update(password="y", name="z")
            Member.objects.first().delete()
        ChangeSet.of(last(Member)).undo()
        assert not Member.objects.exists()

    def test_a_change_since_of_a_masked_field_is_a_conflict(self, member):
        created = last(Member)
        Member.objects.update(password="other")
        [conflict] = ChangeSet.of(created).undo(dry_run=True).conflicts
        assert conflict.reason == "was changed since"
        assert conflict.events == [last(Member)]


class TestDeclaration:
    @pytest.mark.parametrize(
        ("mask", "message"),
        [
            ("name", "expected a list"),
            (["nothing"], "is not a tracked field"),
            (["id"], "cannot be masked"),
        ],
    )
    def test_what_cannot_be_masked(self, mask, message):
        with pytest.raises(ValueError, match=message):
            pghistory.create_event_model(Person, mask=mask)

    def test_a_part_of_a_composite_key_and_the_key_of_a_parent(self):
        with pytest.raises(ValueError, match="'row' cannot be masked"):
            pghistory.create_event_model(Seat, mask=["row"])
        with pytest.raises(ValueError, match="cannot be masked"):
            pghistory.create_event_model(Employee, mask=["person_ptr"])

    def test_a_field_that_is_excluded(self):
        with pytest.raises(ValueError, match="is not a tracked field"):
            pghistory.create_event_model(Person, exclude=["secret"], mask=["secret"])

    @isolate_apps("tests.pghistory")
    def test_a_generated_column_that_would_reveal_it(self):
        class Made(models.Model):
            secret = models.IntegerField()
            double = models.GeneratedField(
                expression=models.F("secret") * 2,
                output_field=models.IntegerField(),
                db_persist=True,
            )

            class Meta:
                app_label = "pghistory_tests"

        with pytest.raises(ValueError, match="'double' is generated from 'secret'"):
            pghistory.create_event_model(Made, mask=["secret"])
        pghistory.create_event_model(Made, mask=["secret", "double"])


DECLARED = """
    import pghistory

    @pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(){})
    class Person(models.Model):
        name = models.CharField(max_length=10)
        password = models.CharField(max_length=10)
"""


@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_mask_is_migrated_and_removes_the_values(app):
    app.declare(DECLARED.format(""))
    app.makemigrations()
    app.migrate()
    app.model("Person").objects.create(name="a", password="s3cret")
    app.declare(DECLARED.format(', mask=["password"]'))
    app.makemigrations()
    app.migrate()
    person = app.model("Person")
    person.objects.update(password="other")
    events = app.model("PersonEvent").objects.order_by("pgh_id").values()
    assert [event["pgh_password_changed"] for event in events] == [None, True]
    assert all("password" not in event for event in events)
