"""``docs/history/leaving.md``, in a project outside of this repository."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

pytestmark = [pytest.mark.long, pytest.mark.django_db]

SETTINGS = """
SECRET_KEY = "secret"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = {apps!r}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", **{database!r}}}}}
"""
PLAIN = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
ENGINES = ["pgtrigger", "pghistory"]
ORDER = """
from django.db import models
{imports}
{decorator}
class Order(models.Model):
    total = models.IntegerField()
"""
UNTRACKED = ORDER.format(imports="", decorator="")
TRACKED = ORDER.format(
    imports="import pghistory\nimport pgtrigger",
    decorator='@pgtrigger.register(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))\n'
    "@pghistory.track()",
)
ENDED = ORDER.format(
    imports="import pghistory", decorator='@pghistory.track(pghistory.ManualEvent("ended"))'
)


class Project:
    """A project with one app, its files and its database."""

    def __init__(self, folder, address):
        self.folder = folder
        self.address = address
        (folder / "shop").mkdir()
        (folder / "shop" / "__init__.py").touch()
        self.write(TRACKED)
        self.install(*ENGINES)

    def install(self, *apps):
        database = {key.upper(): value for key, value in self.address.items()}
        text = SETTINGS.format(apps=[*PLAIN[:-1], *apps, PLAIN[-1]], database=database)
        (self.folder / "settings.py").write_text(text)

    def write(self, models):
        (self.folder / "shop" / "models.py").write_text(models)

    def manage(self, *arguments, engines=True):
        """Run a command; without the engines nothing of this repository can be imported."""
        path = [str(self.folder), *([str(settings.BASE_DIR)] if engines else [])]
        run = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "settings",
                "PYTHONPATH": os.pathsep.join(path),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            cwd=self.folder,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def sql(self, statement):
        with psycopg.connect(
            **{"dbname" if key == "name" else key: value for key, value in self.address.items()}
        ) as connected:
            cursor = connected.execute(statement)
            return cursor.fetchall() if cursor.description else None

    def migrations(self):
        return sorted((self.folder / "shop" / "migrations").glob("0*.py"))


@pytest.fixture
def project(tmp_path, django_db_blocker):
    params = connection.get_connection_params()
    name = f"leaving_{uuid.uuid4().hex[:8]}"
    address = {key: params[key] for key in ("host", "port", "user", "password") if params.get(key)}
    server = psycopg.connect(**address, dbname=params["dbname"], autocommit=True)
    server.execute(f"CREATE DATABASE {name}")
    found = Project(tmp_path, {**address, "name": name})
    found.manage("makemigrations", "shop")
    found.manage("migrate", "-v0")
    found.sql("INSERT INTO shop_order (total) VALUES (1); UPDATE shop_order SET total = 2")
    assert found.sql("SELECT count(*) FROM shop_orderevent") == [(2,)]
    yield found
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


def left(project):
    """Return the objects of the engines in the database."""
    return project.sql(
        "SELECT relname::text FROM pg_class WHERE relname LIKE '%event%' AND relkind = 'r' "
        "AND relnamespace = 'public'::regnamespace "
        "UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
        "UNION ALL SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal "
        "UNION ALL SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'pghistory%' "
        "UNION ALL SELECT relname::text FROM pg_class WHERE relname ~ '^(pghistory|pgtrigger)' "
        "AND relkind IN ('r', 'v', 'S')"
    )


def test_stop_tracking_and_drop_the_history(project):
    project.write(UNTRACKED)
    printed = project.manage("makemigrations", "shop")
    assert "Delete model OrderEvent" in printed
    project.manage("migrate", "-v0")
    project.sql("UPDATE shop_order SET total = 3")
    assert project.sql("SELECT to_regclass('shop_orderevent')") == [(None,)]
    project.write(TRACKED)
    project.manage("makemigrations", "shop")
    project.manage("migrate", "-v0")
    # What was there before is not in the new history.
    assert project.sql(
        "SELECT finished_at FROM pghistory_maintenance WHERE event_table = 'shop_orderevent'"
    ) == [(None,)]


def test_stop_tracking_and_keep_the_history(project):
    project.write(ENDED)
    project.manage("makemigrations", "shop")
    project.manage("migrate", "-v0")
    project.sql("UPDATE shop_order SET total = 3")
    assert project.sql("SELECT count(*) FROM shop_orderevent") == [(2,)]
    printed = project.manage(
        "shell",
        "-v0",
        "-c",
        "from pghistory.models import Events; from shop.models import Order; "
        "found = Events.objects.tracks(Order.objects.get()).order_by('pgh_id'); "
        "print([event.pgh_diff for event in found])",
    )
    assert printed == "[None, {'total': [1, 2]}]\n"


def test_keep_the_table_as_an_archive(project):
    project.write(UNTRACKED)
    project.manage("makemigrations", "shop")
    last = project.migrations()[-1]
    edited, count = re.subn(
        r"migrations\.DeleteModel\(\s*name='OrderEvent',\s*\),",
        "migrations.SeparateDatabaseAndState(\n"
        "            state_operations=[migrations.DeleteModel('OrderEvent')]\n        ),\n"
        "        migrations.RunSQL('ALTER TABLE shop_orderevent RENAME TO archive_orderevent'),",
        last.read_text(),
    )
    assert count == 1
    last.write_text(edited)
    project.manage("migrate", "-v0")
    assert project.sql("SELECT count(*) FROM archive_orderevent") == [(2,)]
    project.manage("makemigrations", "--check")


def test_remove_the_engines(project):
    project.write(UNTRACKED)
    project.manage("makemigrations", "shop")
    project.manage("migrate", "-v0")
    old = project.migrations()
    project.manage("squashmigrations", "shop", "0002", "--no-input")
    [squashed] = set(project.migrations()) - set(old)
    text = re.sub(r"\(['\"]pghistory['\"], ['\"]\w+['\"]\),?", "", squashed.read_text())
    project.manage("migrate", "-v0")
    for each in old:
        each.unlink()
    squashed.write_text(re.sub(r"(?m)^import pg.*\n", "", re.sub(r"replaces = .*\n", "", text)))
    project.manage("migrate", "pghistory", "zero", "-v0")
    project.manage("pgtrigger", "uninstall")
    assert left(project) != []  # the tables of rules in report mode
    project.manage("migrate", "pgtrigger", "zero", "-v0")
    assert left(project) == []
    project.install()
    project.manage("migrate", "-v0", engines=False)
    project.manage("makemigrations", "--check", engines=False)
    assert "pghistory" not in Path(squashed).read_text()
    assert project.sql("SELECT total FROM shop_order") == [(2,)]
