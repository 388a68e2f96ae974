"""A project made with the packages from PyPI is taken over, and goes back.

``takeover/project`` is the code; it is the same throughout. ``observe.py`` in it uses every model
once and prints what happened, which must not change.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from life import databases, environments
from life.third_party import LIBRARIES, PSYCOPG, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
NAME = "life_takeover"
APPS = ("people", "shop")
PYPI = ("django-pgtrigger==4.17.0", "django-pghistory==3.9.2", "Django==5.2.19", PSYCOPG)
# The function of the PyPI package's triggers stays replaced: docs/going-back.md.
REPLACED = "FUNCTION public._pgh_attach_context()"
LAST_OF_PYPI = "0007"  # the last migration that the PyPI package has of the app pghistory


class TakeOver:
    """The project in the cache folder, its database, and what was said about it."""

    def __init__(self, cache: Path, server: databases.Server, say: Callable[[str], None]) -> None:
        self.server, self.say = server, say
        self.folder = cache / "projects" / "takeover"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(HERE / "takeover" / "project", self.folder)
        self.libraries = cache / "libraries"
        self.libraries.mkdir(exist_ok=True)
        for name in LIBRARIES:
            link = self.libraries / name
            link.unlink(missing_ok=True)
            link.symlink_to(HERE.parent / name)
        self.pypi = environments.python(cache, "pypi", PYPI)
        self.differences: list[str] = []
        self.transcript: list[str] = []

    def with_pypi(self, *command: str) -> str:
        return self._run("PyPI", str(self.pypi), "", command)

    def with_ours(self, *command: str) -> str:
        return self._run("ours", sys.executable, str(self.libraries), command)

    def manage(self, run: Callable[..., str], *command: str) -> str:
        return run("manage.py", *command)

    def _run(self, place: str, python: str, path: str, command: tuple[str, ...]) -> str:
        kept = ("DJANGO_SETTINGS_MODULE", "DEBUG", "DATABASE_URL")
        ended = subprocess.run(
            [python, *command],
            cwd=self.folder,
            env={
                **{key: value for key, value in os.environ.items() if key not in kept},
                "DATABASE": self.server.settings(NAME),
                "PYTHONPATH": path,
            },
            capture_output=True,
            text=True,
        )
        printed = ended.stdout.strip()
        if command[0] == "manage.py":
            self.transcript += [f"{place}$ python {' '.join(command)}", *printed.splitlines()]
        if ended.returncode != 0:
            last = (ended.stderr.strip() or printed).splitlines()[-1:]
            raise Stopped(f"{place}: {' '.join(command)}: {''.join(last)}")
        return printed

    def observe(self, run: Callable[..., str]) -> str:
        printed = run("observe.py").rpartition("RESULT ")[2]
        # The message of FSM quotes the field's name in the PyPI package.
        return printed.replace('field \\"status\\"', "field status")

    def expect(self, step: str, expected: str, found: str) -> None:
        lines = list(difflib.unified_diff(expected.splitlines(), found.splitlines(), "PyPI", step))
        self.differences += [f"{step}: {line}" for line in lines]
        self.transcript.append(f"# {step}: {len(json.loads(found))} groups of observations, ")
        self.transcript[-1] += "all as with PyPI" if not lines else "NOT as with PyPI"

    def migrations(self) -> dict[str, set[str]]:
        return {
            app: {p.name for p in (self.folder / app / "migrations").glob("0*")} for app in APPS
        }

    def forget_migrations(self, kept: dict[str, set[str]], *, rows: bool) -> None:
        """Delete the files of our migrations and, for a database that has them, their rows."""
        for app, names in self.migrations().items():
            for name in names - kept[app]:
                (self.folder / app / "migrations" / name).unlink()
                self.transcript.append(f"$ rm {app}/migrations/{name}")
                if rows:
                    self._delete_row(app, name.removesuffix(".py"))
        if rows:
            self._delete_row("pghistory", "0008_aggregateevent")

    def _delete_row(self, app: str, name: str) -> None:
        with self.server.connect(NAME) as connection:
            connection.execute(
                "DELETE FROM django_migrations WHERE app = %s AND name = %s", [app, name]
            )
        self.transcript.append(f"=# DELETE FROM django_migrations WHERE name = '{name}'")


def check(
    cache: Path, server: databases.Server, say: Callable[[str], None], keep: bool
) -> tuple[list[str], str]:
    """Return what differs, and the transcript."""
    project = TakeOver(cache, server, say)
    try:
        _steps(project)
    except Stopped as error:
        project.differences.append(str(error))
        project.transcript.append(f"STOPPED {error}")
    finally:
        if not keep:
            server.drop(NAME)
    return project.differences, "\n".join(project.transcript)


def _steps(project: TakeOver) -> None:
    server, pypi, ours, manage = (
        project.server,
        project.with_pypi,
        project.with_ours,
        project.manage,
    )
    project.say("a project with the packages from PyPI")
    server.create(NAME)
    manage(pypi, "makemigrations", *APPS)
    manage(pypi, "migrate", "-v0")
    expected = project.observe(pypi)
    schema = server.schema(NAME)
    files = project.migrations()

    project.say("taken over, before any migration")
    manage(ours, "check")
    project.expect("before any migration", expected, project.observe(ours))

    project.say("migrated")
    _take_over(project)
    project.expect("after the migration", expected, project.observe(ours))

    project.say("back, by undoing the migrations")
    for app in (*APPS, "pghistory"):
        target = LAST_OF_PYPI if app == "pghistory" else "0001"
        manage(ours, "migrate", app, target)
    manage(ours, "pgtrigger", "uninstall")
    manage(ours, "migrate", "pgtrigger", "zero")
    project.forget_migrations(files, rows=False)
    manage(pypi, "pgtrigger", "install")
    _went_back(project, "undone", expected, schema)

    project.say("taken over again, and upgraded")
    _take_over(project)
    manage(ours, "pghistory", "upgrade", "--all")
    manage(ours, "makemigrations", "--check", "--dry-run")
    manage(ours, "migrate")
    project.expect("after the upgrade", expected, project.observe(ours))

    project.say("back, with the tables as they are")
    manage(ours, "pgtrigger", "uninstall")
    manage(ours, "migrate", "pgtrigger", "zero")
    project.forget_migrations(files, rows=True)
    manage(pypi, "pgtrigger", "install")
    _went_back(project, "tables kept", expected, None)


def _take_over(project: TakeOver) -> None:
    ours, manage = project.with_ours, project.manage
    manage(ours, "makemigrations", "--noinput")
    manage(ours, "makemigrations", "--check", "--dry-run")
    manage(ours, "migrate")
    manage(ours, "pgtrigger", "check")


def _went_back(project: TakeOver, step: str, expected: str, schema: dict[str, str] | None) -> None:
    pypi = project.with_pypi
    project.manage(pypi, "makemigrations", "--check", "--dry-run")
    project.manage(pypi, "migrate")
    project.expect(f"back ({step})", expected, project.observe(pypi))
    if schema is not None:
        found = project.server.schema(NAME)
        names = {each for each in {*schema, *found} if schema.get(each) != found.get(each)}
        names -= {REPLACED}
        project.differences += [
            f"back ({step}): {each}\n{schema.get(each)}\n{found.get(each)}"
            for each in sorted(names)
        ]
        project.transcript.append(f"# back ({step}): {len(names)} differences of the schema")
