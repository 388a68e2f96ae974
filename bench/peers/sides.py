"""Both sides of the comparison: a copy of the project, its interpreter, and a database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from life.environments import python, versions

if TYPE_CHECKING:
    from life.databases import Server

ROOT = Path(__file__).parent.parent.parent
PROJECT = Path(__file__).with_name("project")
PACKAGES = ("django-pgtrigger==4.17.0", "django-pghistory==3.9.2")


class Failed(Exception):
    """A command of a side has failed. The message is its output."""


class Side:
    """A copy of the project with one set of packages, and its database."""

    def __init__(self, name: str, interpreter: Path, path: str, server: Server, folder: Path):
        self.name, self.interpreter, self.database = name, interpreter, f"peers_{name}"
        self.folder = folder / name
        shutil.copytree(PROJECT, self.folder)
        server.create(self.database)
        self.environment = {
            **{key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"},
            "PEERS_DATABASE": server.settings(self.database),
            "PYTHONPATH": path,
        }
        self.manage("makemigrations", "shop", "crowd", "--verbosity", "0")
        self.manage("migrate", "--verbosity", "0")
        self.process = subprocess.Popen(
            [str(self.interpreter), "worker.py"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.areas: dict[str, list[str]] = self._read()

    def manage(self, *arguments: str) -> None:
        """Run a command of the project's manage.py. Raise Failed if it fails."""
        ended = subprocess.run(
            [str(self.interpreter), "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if ended.returncode:
            raise Failed(f"{self.name}: {' '.join(arguments)}\n{ended.stdout}")

    def _read(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{self.name}: the worker has ended with {self.process.wait()}")
        return json.loads(line)

    def seconds(self, title: str) -> float:
        """Return how long the work took. Raise Failed with the traceback if it failed."""
        assert self.process.stdin
        print(json.dumps(title), file=self.process.stdin, flush=True)
        answer = self._read()
        if "error" in answer:
            raise Failed(f"{self.name}: {title}\n{answer['error']}")
        return float(answer["seconds"])

    def close(self, server: Server) -> None:
        """End the worker and drop the database."""
        if hasattr(self, "process"):
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait()
        server.drop(self.database)


def peers_python(cache: Path) -> Path:
    """Return the interpreter of an environment with the PyPI packages and the same Django."""
    same = versions(Path(sys.executable), "Django", "psycopg")
    pinned = tuple(f"{name}=={version}" for name, version in same.items())
    return python(cache, "peers", (*PACKAGES, pinned[0], f"psycopg[binary]=={same['psycopg']}"))
