"""``migrate`` from nothing of 300 tracked models, and of the same tables without triggers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from django.db import connection

from bench.rounds import Report, Target, Turn, benchmark

MODELS, ROUNDS = 300, 3

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

DATABASES["default"]["NAME"] = {name!r}
INSTALLED_APPS = [*INSTALLED_APPS, {app!r}]
MIGRATION_MODULES = {{"pghistory": None, "auth": None, "contenttypes": None}}
"""


@benchmark
def migrating(report: Report) -> None:
    models = report.size(MODELS)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        turns = {}
        for app, trackers in TRACKERS.items():
            package = folder / app / "migrations"
            package.mkdir(parents=True)
            for module in (package, package.parent):
                (module / "__init__.py").touch()
            source = [_MODEL.format(trackers=trackers, number=n) for n in range(models)]
            (package.parent / "models.py").write_text(_HEAD + "".join(source))
            name = connection.settings_dict["NAME"]
            (folder / f"{app}_settings.py").write_text(_SETTINGS.format(name=name, app=app))
            _manage(folder, app, "makemigrations", app)
            turns[app] = Turn(
                lambda app=app: _manage(folder, app, "migrate", app),
                after=lambda app=app: _manage(folder, app, "migrate", app, "zero"),
            )
        report.compare(
            f"migrate of {models} tracked models",
            turns,
            [Target("tracked", "untracked", at_most=2)],
            rounds=ROUNDS,
        )


def _manage(folder: Path, app: str, *arguments: str) -> None:
    path = os.pathsep.join([str(folder), os.getcwd()])
    subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env={**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": f"{app}_settings"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
