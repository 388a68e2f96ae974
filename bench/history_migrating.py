"""``migrate`` from nothing of 300 tracked models, and of the same tables without triggers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from django.db import connection

from bench.declared import execute
from bench.rounds import Report, Target, Turn, benchmark

# Two rounds, because each takes a minute.
MODELS, ROUNDS = 300, 2

# Without row events there are event tables, and no triggers.
TRACKERS = {"tracked": "", "untracked": 'pghistory.ManualEvent("manual")'}

_HEAD = "from django.db import models\n\nimport pghistory\n"
_MODEL = """

@pghistory.track({trackers})
class Model{number}(models.Model):
    name = models.CharField(max_length=32)
    amount = models.IntegerField(default=0)
    other = models.ForeignKey("self", models.CASCADE, null=True)
"""
_SETTINGS = """\
from bench.settings import *

DATABASES["default"]["NAME"] = {database!r}
INSTALLED_APPS = [*INSTALLED_APPS, *{apps!r}]
"""


@benchmark
def migrating(report: Report) -> None:
    """Compare in one app, where a migration creates every model, and in ten."""
    _compare(report, apps_count=1)
    _compare(report, apps_count=10)


def _compare(report: Report, apps_count: int) -> None:
    models = max(report.size(MODELS) // apps_count, 1)
    database = f"{connection.settings_dict['NAME']}_migrating"
    _drop_and_create(database)  # makemigrations looks into it
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        turns = {}
        for name, trackers in TRACKERS.items():
            apps = [f"{name}_{number}" for number in range(apps_count)]
            for app in apps:
                _write(folder / app, models, trackers)
            settings = _SETTINGS.format(database=database, apps=apps)
            (folder / f"{name}_settings.py").write_text(settings)
            _manage(folder, name, "makemigrations", *apps)
            turns[name] = Turn(
                lambda name=name: _manage(folder, name, "migrate"),
                before=lambda: _drop_and_create(database),
                after=lambda: _drop(database),
            )
        report.compare(
            f"migrate of {apps_count * models} tracked models, apps: {apps_count}",
            turns,
            [Target("tracked", "untracked", at_most=2)],
            rounds=ROUNDS,
            warm_up=False,
        )


def _write(app: Path, models: int, trackers: str) -> None:
    """An app with so many models."""
    for package in (app, app / "migrations"):
        package.mkdir()
        (package / "__init__.py").touch()
    source = [_MODEL.format(trackers=trackers, number=number) for number in range(models)]
    (app / "models.py").write_text(_HEAD + "".join(source))


def _manage(folder: Path, name: str, *arguments: str) -> None:
    path = os.pathsep.join([str(folder), os.getcwd()])
    subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env={**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": f"{name}_settings"},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _drop_and_create(database: str) -> None:
    _drop(database)
    execute("CREATE DATABASE {database}", database=database)


def _drop(database: str) -> None:
    execute("DROP DATABASE IF EXISTS {database}", database=database)
