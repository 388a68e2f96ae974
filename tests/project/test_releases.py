"""Deployment without downtime: the previous release writes while the next one migrates."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from project.database.embedded import Server
from project.skeleton import create_app
from tests.project.clusters import ask, run, start, url
from tests.project.conftest import needs_the_wheel

pytestmark = needs_the_wheel

OWN = ("project", "pgtrigger", "pghistory", "integrity", "manage.py")
MIGRATE = """
from django.core.management import call_command
call_command("makemigrations", "released", verbosity=0)
call_command("migrate", verbosity=0)
"""
# What a release may change while the one before it still runs: a new column with a default in the
# database, an index, and a rule that allows one transition more.
BEFORE = 'transitions=[("draft", "published"), ("published", "withdrawn")]'
AFTER = 'transitions=[("draft", "published"), ("published", "withdrawn"), ("draft", "withdrawn")]'
NAME = "    name = models.CharField(max_length=200)\n"
NOTE = '    note = models.CharField(max_length=200, default="", db_default="", db_index=True)\n'

INSTALLED = """
from importlib.util import find_spec
INSTALLED_APPS = [*(app for app in INSTALLED_APPS if find_spec(app.split(".")[0])), "released"]
"""
WRITE = """
import json, sys, time
import pgtrigger
from django.db import connection
from released.models import Item

refused = written = 0
print("started", flush=True)
end = time.monotonic() + 60
while time.monotonic() < end:
    item = Item.objects.create(name="by the previous release", status="published")
    try:
        item.delete()
    except pgtrigger.ProtectedError:
        refused += 1
    item.name = "changed"
    item.save()
    written += 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('migrated') IS NOT NULL")
        if cursor.fetchone()[0]:
            break
events = Item.pgh_event_model.objects.filter(name="changed", pgh_label="update").count()
print(json.dumps([written, refused, events]))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The server that both releases use."""
    server = Server(tmp_path / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """A project with one app."""
    folder = tmp_path / "previous"
    folder.mkdir()
    for name in OWN:
        source = settings.BASE_DIR / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    create_app("released", folder)
    with (folder / "project/settings.py").open("a") as file:
        file.write(INSTALLED)
    (folder / "project/urls.py").write_text("urlpatterns = []\n")
    return folder


def test_the_previous_release_writes_during_and_after_the_migration(
    server: Server, previous: Path, tmp_path: Path
) -> None:
    address = url(server)
    run(MIGRATE, previous, DATABASE_URL=address)
    following = tmp_path / "following"
    shutil.copytree(previous, following)
    models = following / "released/models.py"
    source = models.read_text()
    assert BEFORE in source
    assert NAME in source
    models.write_text(source.replace(BEFORE, AFTER).replace(NAME, NAME + NOTE))

    writer = start(WRITE, previous, DATABASE_URL=address)
    assert writer.stdout
    assert writer.stdout.readline() == "started\n"
    run(MIGRATE, following, DATABASE_URL=address)
    changed = ask(address, "SELECT count(*) FROM released_item")
    ask(address, "CREATE TABLE migrated ()")
    output, errors = writer.communicate()
    assert writer.returncode == 0, errors
    written, refused, events = json.loads(output)
    assert written == refused == events
    assert written >= changed > 0
    assert ask(address, "SELECT count(*) FROM released_item WHERE note = ''") == written
