"""Migrations as the releases of django-pghistory on PyPI write them, in ``written/``.

Each file is the output of ``makemigrations`` with that release for the models below. Up to 2.4,
with django-pgtrigger 4.0 to 4.4, they contain ``pghistory.trigger.Event`` declarations.
"""

from pathlib import Path

import pytest

from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db

WRITTEN = Path(__file__).parent / "written"

MODELS_OF_2 = """
import pghistory


@pghistory.track(
    pghistory.Snapshot("snap"),
    pghistory.BeforeDelete("gone"),
    pghistory.BeforeUpdate("before"),
    pghistory.AfterInsertOrUpdate("both"),
    pghistory.AfterUpdate(
        "cond", condition=pgtrigger.Q(old__number__df=pgtrigger.F("new__number"))
    ),
)
class Entry(models.Model):
    number = models.IntegerField(default=0)
    title = models.TextField(default="", db_column="the_title")


@pghistory.track(
    pghistory.Snapshot("part"), fields=["number"], model_name="PartEvent", related_name="parts"
)
class Part(models.Model):
    number = models.IntegerField(default=0)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE)

    class Meta:
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]


@pghistory.track(pghistory.Snapshot("denorm"), model_name="DenormEvent", related_name="den")
class Denorm(models.Model):
    number = models.IntegerField(default=0)
"""

MODELS_OF_3 = """
import pghistory


@pghistory.track(
    pghistory.InsertEvent("snap_i"),
    pghistory.UpdateEvent("snap_u"),
    pghistory.DeleteEvent("gone"),
)
class Entry(models.Model):
    number = models.IntegerField(default=0)
    title = models.TextField(default="", db_column="the_title")


@pghistory.track(pghistory.UpdateEvent("part"), fields=["number"], model_name="PartEvent")
class Part(models.Model):
    number = models.IntegerField(default=0)
    entry = models.ForeignKey(Entry, on_delete=models.CASCADE)

    class Meta:
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]


@pghistory.track(pghistory.UpdateEvent("denorm"), model_name="DenormEvent")
class Denorm(models.Model):
    number = models.IntegerField(default=0)
"""

MODELS = {
    "2.4.2": MODELS_OF_2,
    "2.5.1": MODELS_OF_2,
    "3.0.0": MODELS_OF_3,
    "3.5.2": MODELS_OF_3,
    "3.9.2": MODELS_OF_3,
}

EVENTS = {
    MODELS_OF_2: [
        ("before", 1, "a"),
        ("both", 1, "a"),
        ("both", 2, "a"),
        ("cond", 2, "a"),
        ("gone", 2, "a"),
        ("snap", 1, "a"),
        ("snap", 2, "a"),
    ],
    MODELS_OF_3: [("gone", 2, "a"), ("snap_i", 1, "a"), ("snap_u", 2, "a")],
}


@pytest.fixture(params=MODELS)
def release(request):
    return request.param


@pytest.fixture
def old_app(app, release):
    """The app with the first migration of a release, and its models."""
    app.add_migration("0001_initial", (WRITTEN / f"pghistory_{release}.txt").read_text())
    app.declare(MODELS[release])
    return app


def events_of_a_life():
    """The events of a row that is inserted, updated and deleted, with their contexts."""
    execute(
        "INSERT INTO throwaway_entry (number, the_title) VALUES (1, 'a');"
        "UPDATE throwaway_entry SET number = 2; DELETE FROM throwaway_entry;"
        "SET CONSTRAINTS ALL IMMEDIATE"
    )
    return execute("SELECT pgh_label, number, the_title FROM throwaway_entryevent ORDER BY 1, 2")


def test_the_triggers_write_events(old_app, release):
    old_app.migrate()
    assert events_of_a_life() == EVENTS[MODELS[release]]


def test_they_go_back(old_app):
    old_app.migrate()
    old_app.migrate("zero")
    assert old_app.leftovers() == []


@pytest.mark.parametrize("at_once", [True, False])
def test_makemigrations_brings_them_up_to_date(old_app, release, at_once):
    if not at_once:
        old_app.migrate()
    old_app.makemigrations()
    assert not old_app.has_changes()
    old_app.migrate()
    assert set(old_app.states().values()) == {"INSTALLED ENABLED"}
    assert old_app.leftovers() == []
    assert events_of_a_life() == EVENTS[MODELS[release]]


class TestDeclaredEvents:
    """``pghistory.trigger.Event`` in a migration writes the columns of that time."""

    @pytest.fixture(params=["2.4.2"])
    def release(self, request):
        return request.param

    def test_a_field_that_is_tracked_since_is_not_written(self, old_app, release):
        later = "    later = models.IntegerField(default=5, db_default=5)\n"
        column = '    title = models.TextField(default="", db_column="the_title")\n'
        old_app.declare(MODELS[release].replace(column, column + later))
        old_app.migrate("0001")
        assert events_of_a_life() == EVENTS[MODELS[release]]
        old_app.makemigrations()
        assert not old_app.has_changes()
        old_app.migrate()
        events_of_a_life()
        assert execute("SELECT DISTINCT later FROM throwaway_entryevent") == [(5,)]

    def test_a_field_that_was_tracked_then_is_written(self, old_app, release):
        column = '    title = models.TextField(default="", db_column="the_title")\n'
        old_app.declare(MODELS[release].replace(column, ""))
        old_app.migrate("0001")
        assert events_of_a_life() == EVENTS[MODELS[release]]
        old_app.makemigrations()
        old_app.migrate()
        assert not old_app.has_changes()

    def test_squashed_it_is_written_by_its_documented_name(self, old_app):
        old_app.makemigrations()
        old_app.squash("0002")
        [name] = [name for name in old_app.migration_names() if "squashed" in name]
        source = (old_app.folder / "migrations" / f"{name}.py").read_text()
        assert "pghistory.writing" not in source
        old_app.migrate()
        assert set(old_app.states().values()) == {"INSTALLED ENABLED"}
        assert not old_app.has_changes()
