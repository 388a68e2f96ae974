"""The steps of the image without Docker: install, collect static files, serve, stop."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests.project.conftest import DEPLOYED, READ, database_url

pytestmark = [pytest.mark.long, pytest.mark.django_db]

DATABASE = f"served_by_{os.getpid()}"  # of this test process, because others run beside it


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the packages of production and its static files."""
    folder = tmp_path_factory.mktemp("deploy") / "site"
    ignored = shutil.ignore_patterns(".*", "tests", "bench", "docs", "__pycache__")
    shutil.copytree(settings.BASE_DIR, folder, ignore=ignored)
    python = getattr(sys, "_base_executable", sys.executable)
    environment = {name: value for name, value in os.environ.items() if name not in READ}
    for step in ("packages", "static"):
        subprocess.run(
            ["deploy/install", step],
            cwd=folder,
            env=environment | {"PYTHON": python},
            check=True,
        )
    return folder


@pytest.fixture
def port() -> int:
    """A port that no process uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def environment(port: int) -> Iterator[dict[str, str]]:
    """The environment of production, with an empty database."""
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
        kept = {name: value for name, value in os.environ.items() if name not in READ}
        own = DEPLOYED | {"DATABASE_URL": database_url(DATABASE), "PORT": str(port)}
        yield kept | own
        server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def test_the_packages_contain_no_tool_of_development(installed: Path) -> None:
    names = {path.name for path in (installed / ".venv-production/bin").iterdir()}
    assert "gunicorn" in names
    assert not names & {"pytest", "mypy", "ruff"}


def test_the_command_of_the_test_image_finds_the_plugin_of_the_tests() -> None:
    stage = (settings.BASE_DIR / "Dockerfile").read_text().partition(" AS test\n")[2]
    found = re.search(r"^CMD (\[.+\])$", stage, re.MULTILINE)
    assert found
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {name: value for name, value in os.environ.items() if name not in READ}
    ended = subprocess.run(
        [*json.loads(found[1]), "-n", "0", "--collect-only", "tests/project/test_deploy.py"],
        cwd=settings.BASE_DIR,
        env=environment | {"PATH": programs},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 5, ended.stderr  # nothing is selected, because all are long


@pytest.mark.parametrize("server", [["project.wsgi"], ["--worker-class", "asgi", "project.asgi"]])
def test_it_serves_until_it_is_stopped_and_finishes_the_open_request(
    installed: Path, environment: dict[str, str], port: int, server: list[str]
) -> None:
    programs = installed / ".venv-production/bin"
    python = str(programs / "python")
    subprocess.run([python, "manage.py", "migrate"], cwd=installed, env=environment, check=True)
    process = subprocess.Popen(
        [programs / "gunicorn", "--config", "python:project.gunicorn", *server],
        cwd=installed,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        probe = [python, "-m", "project.probe"]
        for _ in range(100):
            ended = subprocess.run(
                probe, cwd=installed, env=environment, capture_output=True, text=True
            )
            if ended.returncode == 0:
                break
            time.sleep(0.1)
        assert ended.stdout == '{"status": "ready"}\n'
        assert answered_while_stopping(process, port).startswith(b"HTTP/1.1 ")
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def answered_while_stopping(process: "subprocess.Popen[str]", port: int) -> bytes:
    """Send half of a request, stop the server, send the rest, and return the answer."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"POST /health/live HTTP/1.1\r\nHost: example.org\r\nContent-Length: 8\r\n\r\nhalf"
        )
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        client.sendall(b"half")
        return client.recv(100)
