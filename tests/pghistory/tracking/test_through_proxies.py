"""Tracking an automatic many-to-many table through a proxy, while the project changes."""

import importlib
import io

import pytest
from django.core.management import call_command

from tests.pgtrigger.throwaway import HEADER, ThrowawayApp

pytestmark = pytest.mark.django_db

ITEM = """
class Tag(models.Model):
    pass

class Item(models.Model):
    tags = models.ManyToManyField(Tag)
"""
PROXY = """
import pghistory

@pghistory.track(pghistory.InsertEvent(), pghistory.DeleteEvent())
class Tagging(Item.tags.through):
    class Meta:
        proxy = True
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Update)]
"""
LABELS = ("throwaway", "second")


class TwoApps:
    """The app ``throwaway`` and one that may import its models."""

    def __init__(self, folder, settings, monkeypatch):
        self._settings, self._monkeypatch = settings, monkeypatch
        self.first, self.second = (
            ThrowawayApp(folder, settings, monkeypatch, label) for label in LABELS
        )
        self._others = settings.INSTALLED_APPS

    def declare(self, first, second):
        for app in (self.first, self.second):
            app.forget()
        (self.first.folder / "models.py").write_text(HEADER + first)
        header = f"{HEADER}from throwaway import models as first\n" if second else HEADER
        (self.second.folder / "models.py").write_text(header + second)
        importlib.invalidate_caches()
        self._settings.INSTALLED_APPS = [*self._others, *LABELS]

    def makemigrations(self):
        self._monkeypatch.setattr("sys.stdin", io.StringIO("y\n" * 9))
        call_command("makemigrations", *LABELS, stdout=io.StringIO())
        importlib.invalidate_caches()

    def migrate(self):
        for app in (self.first, self.second):
            if app.migration_names():
                call_command("migrate", app.label, verbosity=0)

    def back(self, name):
        for app in (self.second, self.first):
            if app.migration_names():
                call_command("migrate", app.label, name, verbosity=0)

    def has_changes(self):
        try:
            call_command("makemigrations", *LABELS, "--check", "--dry-run", verbosity=0)
        except SystemExit:
            return True
        return False


@pytest.fixture
def apps(db, tmp_path, settings, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    apps = TwoApps(tmp_path, settings, monkeypatch)
    yield apps
    apps.second.forget()
    apps.first.forget()


@pytest.fixture(params=["of the same app", "of another app"])
def declare(request, apps):
    """Declare the model and its proxy."""

    def declare(item, proxy):
        if request.param == "of the same app":
            apps.declare(item + proxy, "")
        else:
            apps.declare(
                item, proxy.replace("Item.", "first.Item.").replace("Thing.", "first.Thing.")
            )

    return declare


def check(apps):
    apps.makemigrations()
    apps.migrate()
    assert not apps.has_changes()
    for app in (apps.first, apps.second):
        assert {*app.states().values()} <= {"INSTALLED ENABLED"}
        assert app.leftovers() == []


CHANGES = {
    "the field is renamed": ("tags", "labels"),
    "the model is renamed": ("Item", "Thing"),
    "the target is renamed": ("Tag)", "Label)"),
    "the field has another table": ("(Tag", "(Tag, db_table='tagged'"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_migrated_and_undone(apps, declare, change):
    declare(ITEM, PROXY)
    check(apps)
    old, new = CHANGES[change]
    item = ITEM.replace("Tag(", "Label(") if new == "Label)" else ITEM
    declare(item.replace(old, new), PROXY.replace(old, new))
    check(apps)
    apps.back("0001")
    apps.migrate()
    apps.back("zero")
    assert apps.first.leftovers() == []


@pytest.mark.parametrize(
    "left",
    [ITEM, ITEM.replace("tags = models.ManyToManyField(Tag)", "pass"), ""],
    ids=["alone", "with its field", "with its model"],
)
def test_a_proxy_is_deleted(apps, declare, left):
    declare(ITEM, PROXY)
    check(apps)
    declare(left, "")
    check(apps)
    apps.back("0001")
    apps.migrate()
    assert apps.first.leftovers() == []


def test_a_proxy_is_created_when_the_field_is_renamed(apps, declare):
    declare(ITEM, "")
    check(apps)
    declare(ITEM.replace("tags", "labels"), PROXY.replace("tags", "labels"))
    check(apps)
    apps.back("zero")


def test_squashing_keeps_the_proxy_after_its_field(apps):
    apps.declare(ITEM + PROXY, "")
    check(apps)
    later = "\n\nclass Late(models.Model):\n    pass\n"
    item = ITEM + "    late = models.ForeignKey('Late', models.CASCADE, null=True)\n"
    apps.declare(item + PROXY + later, "")
    check(apps)
    apps.back("zero")
    apps.first.squash(apps.first.migration_names()[-1])
    apps.migrate()
    assert not apps.has_changes()
    assert {*apps.first.states().values()} == {"INSTALLED ENABLED"}
