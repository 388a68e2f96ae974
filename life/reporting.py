"""``python -m life.reporting``: a rule on a table of a million rows, from report to refuse.

A project in a temporary folder, with this repository's libraries and nothing else of it. It prints
each command with its real output, which ``docs/rules/from-report-to-refuse.md`` shows.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from life import databases

ROOT = Path(__file__).parent.parent
NAME = "life_reporting"

SETTINGS = """\
import json, os
DATABASES = {"default": json.loads(os.environ["LIFE_DATABASE"])}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
INSTALLED_APPS += ["pgtrigger", "pghistory", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ, TIME_ZONE = True, "UTC"
"""
MODELS = """\
import pghistory
import pgtrigger
from django.db import models


@pghistory.track()
class Payment(models.Model):
    customer = models.IntegerField()
    amount = models.IntegerField()

    class Meta:
        triggers = [{rule}]
"""
RULE = """
            pgtrigger.Protect(
                name="no_negative",
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__amount__lt=0),{mode}
            )
        """
ROWS = """\
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute(
        "INSERT INTO shop_payment (customer, amount)"
        " SELECT i %% 1000, CASE WHEN i %% (%s / 40) = 0 THEN -1 ELSE i END"
        " FROM generate_series(1, %s) i", [{rows}, {rows}])
    cursor.execute("ANALYZE shop_payment")
"""
OLD_EVENTS = """\
import pgtrigger
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("UPDATE shop_paymentevent SET pgh_created_at = now() - interval '1 year'")
"""
WRITES = """\
import pghistory
from shop.models import Payment
with pghistory.context(user="ann"):
    Payment.objects.filter(pk__lte=2).update(amount=-5)
with pghistory.context(job="import"):
    Payment.objects.create(customer=7, amount=-30)
"""
REPAIRS = """\
from shop.models import Payment
print(Payment.objects.filter(amount__lt=0).update(amount=0))
"""
REFUSED = """\
from shop.models import Payment
Payment.objects.filter(pk=1).update(amount=-5)
"""


class Project:
    """A project in a folder, with a database, whose commands are printed with their output."""

    def __init__(self, folder: Path, database: str):
        self.folder = folder
        (folder / "shop" / "migrations").mkdir(parents=True)
        for name in ("shop/__init__.py", "shop/migrations/__init__.py"):
            (folder / name).touch()
        (folder / "settings.py").write_text(SETTINGS)
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "settings",
            "LIFE_DATABASE": database,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        }

    def declare(self, rule: str = "", mode: str = "") -> None:
        """Write the model with the rule."""
        text = MODELS.format(
            rule=rule.format(mode=f'\n                mode="{mode}",' * bool(mode))
        )
        (self.folder / "shop" / "models.py").write_text(text)

    def run(self, *arguments: str, shown: bool = True, expected: int = 0) -> str:
        """Run a command of manage.py. Raise AssertionError if it has another exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        output = done.stdout + done.stderr
        assert done.returncode == expected, f"{arguments}: exit code {done.returncode}\n{output}"
        if shown:
            print(f"$ python manage.py {' '.join(arguments)}\n{output}", end="")
        return output

    def python(self, code: str, *, shown: bool = False, expected: int = 0) -> str:
        """Run code in the project. Show it if asked for, with the last lines of its output."""
        if shown:
            print("\n".join(f">>> {line}" for line in code.splitlines() if "import" not in line))
        output = self.run("shell", "--command", code, shown=False, expected=expected)
        if shown:
            lines = dict.fromkeys(line for line in output.splitlines() if _is_result(line))
            print("\n".join(lines))
        return output


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m life.reporting", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="default: 1,000,000")
    rows = parser.parse_args().rows
    server = databases.Server(ROOT)
    server.create(NAME)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path(Project(Path(folder), server.settings(NAME)), rows)
    finally:
        server.drop(NAME)
    return 0


def path(project: Project, rows: int) -> None:
    """From a table that breaks the rule to a rule that refuses."""
    uri = "shop.Payment:no_negative"
    project.declare()
    project.run("makemigrations", "shop", shown=False)
    project.run("migrate", shown=False)
    project.python(ROWS.format(rows=rows))
    project.python(OLD_EVENTS)

    project.declare(RULE, "report")
    _step("Declare the rule with mode=report, and see what breaks it already")
    output = project.run("pgtrigger", "try", uri, expected=1)
    assert f"40 of {rows:,} rows break the rule" in output
    _step("Install it")
    project.run("makemigrations", "shop", "--name", "report_negative_payments")
    project.run("migrate", "shop", "--verbosity", "1")
    _step("Wait, and read what was recorded")
    project.python(WRITES)
    project.run("pgtrigger", "violations", expected=1)
    output = project.run("pgtrigger", "violations", "--by", "record", expected=1)
    assert output.count("Cannot insert or update") == 3
    _step("See the same changes in the history")
    output = project.run("pgtrigger", "try", uri, "--history", "--since", "5m", expected=1)
    assert output.count("user=ann") == 2
    _step("Repair the rows")
    project.python(REPAIRS, shown=True)
    project.run("pgtrigger", "try", uri)
    _step("Refuse")
    project.declare(RULE)
    project.run("makemigrations", "shop", "--name", "refuse_negative_payments")
    project.run("migrate", "shop", "--verbosity", "1")
    output = project.python(REFUSED, shown=True, expected=1)
    assert "Cannot insert or update rows" in output
    project.run("pgtrigger", "violations", "--delete")


def _step(title: str) -> None:
    print(f"\n# {title}\n")


def _is_result(line: str) -> bool:
    """Return whether it is a number or a line of an error, and not of a traceback."""
    return bool(re.match(r"(pgtrigger\.errors|\d+$)", line.strip()))


if __name__ == "__main__":
    sys.exit(main())
