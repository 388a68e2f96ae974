"""Data that leaves the database and comes back is the same data: dumpdata, loaddata, flush.

https://docs.djangoproject.com/en/stable/topics/db/fixtures/
"""

import io
import json

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

import pghistory
import pgtrigger
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.filterwarnings("ignore:.*is a proxy model")

MODELS = """
    import uuid
    import pghistory
    from django.db.models.functions import Length

    TRUNCATE = {"operation": pgtrigger.Truncate, "level": pgtrigger.Statement}
    ALL = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())

    @pghistory.track(*ALL, append_only=True)
    class Shelf(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        place = models.CharField(max_length=10)
        book_count = models.IntegerField(default=0)

        class Meta:
            triggers = [
                pgtrigger.Protect(
                    name="no_insert",
                    operation=pgtrigger.Insert,
                    condition=pgtrigger.Q(new__place="full"),
                ),
                pgtrigger.Protect(name="no_truncate", **TRUNCATE),
                pgtrigger.Protect(name="never", ignorable=False, **TRUNCATE),
            ]

    @pghistory.track(*ALL, append_only="strict")
    class Book(models.Model):
        code = models.CharField(max_length=10, primary_key=True)
        shelf = models.ForeignKey(Shelf, models.CASCADE, null=True)
        follows = models.ForeignKey("self", models.SET_NULL, null=True)
        changed_at = models.DateTimeField(null=True)
        status = models.CharField(max_length=10, default="new")
        length = models.GeneratedField(
            expression=Length("code"), output_field=models.IntegerField(), db_persist=True
        )
        tags = models.ManyToManyField(Group)

        class Meta:
            triggers = [
                pgtrigger.Count("shelf.book_count"),
                pgtrigger.Touch("changed_at"),
                pgtrigger.ReadOnly(name="kept", fields=["code"]),
                pgtrigger.ReadOnly(name="always", fields=["status"], ignorable=False),
            ]

    @pghistory.track(*ALL)
    class Novel(Book):
        genre = models.CharField(max_length=10)

    @pghistory.track(*ALL, level=pgtrigger.Row)
    class Seat(models.Model):
        pk = models.CompositePrimaryKey("row", "number")
        row = models.CharField(max_length=1)
        number = models.IntegerField()

    Tagged = pghistory.track(
        pghistory.InsertEvent(), pghistory.DeleteEvent(), obj_field=None, model_name="TagEvent"
    )(Book.tags.through)
"""


@pytest.fixture
def shop(app):
    app.declare(MODELS)
    app.makemigrations()
    app.migrate()
    return app


def dump(*labels):
    out = io.StringIO()
    call_command("dumpdata", *labels, stdout=out)
    return json.loads(out.getvalue())


def fill(shop):
    """A little of everything, and rows that no rule would accept now."""
    with pghistory.context(reason="stocktaking"):
        shelf = shop.model("Shelf").objects.create(place="free")
        book = shop.model("Book").objects.create(code="a", shelf=shelf)
        novel = shop.model("Novel").objects.create(code="b", shelf=shelf, genre="x", follows=book)
        novel.tags.add(apps.get_model("auth", "Group").objects.create(name="g"))
        shop.model("Seat").objects.create(row="A", number=1)
        shop.model("Book").objects.filter(code="a").update(follows="b")
        shelf.place = "full"
        shelf.save()


def empty():
    """An empty database, as far as the fixtures here go."""
    connection.check_constraints()  # or TRUNCATE would meet pending checks
    call_command("flush", interactive=False, verbosity=0, inhibit_post_migrate=True)


LABELS = ["auth.group", "pghistory", "throwaway"]


def write(tmp_path, content, form="json"):
    path = tmp_path / f"everything.{form}"
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize("form", ["json", "xml", "jsonl"])
def test_a_dump_of_everything_loads_into_an_empty_database(shop, tmp_path, form):
    fill(shop)
    before = dump(*LABELS)
    path = tmp_path / f"everything.{form}"
    call_command("dumpdata", *LABELS, format=form, output=str(path))
    empty()
    assert dump(*LABELS) == []
    call_command("loaddata", str(path), verbosity=0)
    assert dump(*LABELS) == before
    assert {"throwaway.shelfevent", "throwaway.tagevent"} <= {each["model"] for each in before}


def test_a_dump_from_stdin_is_loaded(shop, monkeypatch):
    fill(shop)
    before = dump(*LABELS)
    empty()
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(before)))
    call_command("loaddata", "-", format="json", verbosity=0)
    assert dump(*LABELS) == before


def test_the_rules_are_back_after_a_load(shop, tmp_path):
    fill(shop)
    path = write(tmp_path, json.dumps(dump(*LABELS)))
    empty()
    call_command("loaddata", path, verbosity=0)
    assert set(shop.states().values()) == {"INSTALLED ENABLED"}
    for refused in (
        lambda: shop.model("Book").objects.update(status="old"),
        lambda: shop.model("Shelf").objects.create(place="full"),
        lambda: execute("TRUNCATE throwaway_shelf CASCADE"),
        lambda: execute("DELETE FROM throwaway_bookevent"),
    ):
        with pytest.raises(pgtrigger.TriggerError), transaction.atomic():
            refused()


def test_each_event_is_in_a_dump_once(shop):
    fill(shop)
    everything = dump(*LABELS, "pgtrigger")
    shelves = [each for each in everything if each["model"] == "throwaway.shelfevent"]
    assert len(shelves) == shop.model("ShelfEvent").objects.count() > 1
    names = {each["model"] for each in everything}
    assert not names & {"pghistory.events", "pghistory.aggregateevent", "pgtrigger.pgtrigger"}


def test_a_view_of_events_that_is_named_is_dumped(shop):
    fill(shop)
    assert len(dump("pghistory.Events")) > 1


def test_a_fixture_without_events_makes_them(shop, tmp_path):
    row = {"model": "throwaway.seat", "pk": ["B", 2], "fields": {"row": "B", "number": 2}}
    call_command("loaddata", write(tmp_path, json.dumps([row])), verbosity=0)
    assert shop.model("SeatEvent").objects.get().pgh_label == "insert"


def test_a_fixture_of_children_alone_is_counted(shop, tmp_path):
    shelf = shop.model("Shelf").objects.create(place="free")
    row = {"model": "throwaway.book", "pk": "z", "fields": {"shelf": str(shelf.pk)}}
    call_command("loaddata", write(tmp_path, json.dumps([row])), verbosity=0)
    shelf.refresh_from_db()
    assert shelf.book_count == 1


class TestATriggerOfTheProject:
    MODELS = """
        class Item(models.Model):
            class Meta:
                triggers = [
                    pgtrigger.Trigger(
                        name="stop", when=pgtrigger.Before, operation=pgtrigger.Insert,
                        func="RAISE EXCEPTION 'closed';",
                    )
                ]
    """

    @pytest.fixture
    def path(self, app, tmp_path):
        app.declare(self.MODELS)
        app.makemigrations()
        app.migrate()
        return write(tmp_path, '[{"model": "throwaway.item", "pk": 1, "fields": {}}]')

    def test_its_error_says_what_helps(self, path):
        with pytest.raises(pgtrigger.RaisedError) as caught, transaction.atomic():
            call_command("loaddata", path, verbosity=0)
        assert "--ignore-triggers" in caught.value.__notes__[0]

    def test_it_can_be_ignored(self, app, path):
        call_command("loaddata", path, ignore_triggers=True, verbosity=0)
        assert app.model("Item").objects.count() == 1


def test_serialized_rollback_loads_what_was_there(shop):
    fill(shop)
    before = dump("throwaway", "pghistory")
    content = json.dumps(dump(*LABELS))
    empty()
    connection.creation.deserialize_db_from_string(content)
    assert dump("throwaway", "pghistory") == before
