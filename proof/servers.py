"""A PostgreSQL server of the run's own, with the ledger's tables in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg

from project.database.embedded import Server
from project.errors import DatabaseUnavailable
from proof.claims import CannotRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parent.parent
PATIENCE = 120  # seconds after which something that was waited for is given up
# What the project reads from the environment that started the run.
OURS = ("DATABASE_URL", "DIRECT_DATABASE_URL", "REPLICA_DATABASE_URL", "DATABASE_POOL_SIZE")


class NotRecovered(Exception):
    """Something did not become true in time. The message says what."""


def wait_for(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Return how many seconds it took until the condition was true.

    Raises:
        NotRecovered: It did not become true in time.
    """
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise NotRecovered(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)
    return time.monotonic() - begun


@contextmanager
def server(folder: Path | None = None) -> Iterator[Server]:
    """Start a server whose data is in a temporary folder, or in ``folder``; stop it at the end.

    Raises:
        CannotRun: PostgreSQL's programs are not installed.
    """
    with tempfile.TemporaryDirectory(prefix="proof-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        made = Server((folder or Path(name)) / "server")
        try:
            made.start()
        except DatabaseUnavailable as error:
            raise CannotRun(str(error)) from None
        try:
            yield made
        finally:
            made.stop()


def url(server: Server) -> str:
    """Return the URL of the server's database."""
    return f"postgres://postgres@{quote(str(server.socket_folder()), safe='')}:5432/postgres"


def ask(address: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement and return its rows."""
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def kill(server: Server) -> None:
    """Kill every process of the server with SIGKILL, as the loss of the machine would."""
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for process in (postmaster, *map(int, children)):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def environment(address: str, **variables: str) -> dict[str, str]:
    """Return the environment of a process of the project with the ledger."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    return kept | {
        "DATABASE_URL": address,
        "DJANGO_SETTINGS_MODULE": "proof.settings",
        "PYTHONPATH": str(ROOT),
        **variables,
    }


def manage(address: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command of ``manage.py``. Its output and errors are in one stream."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(address, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a process and return its output.

    Raises:
        NotRecovered: Its exit code is not 0.
    """
    output, _ = process.communicate(timeout=PATIENCE)
    if process.returncode != 0:
        raise NotRecovered(f"{process.args!r} ended with {process.returncode}: {output.strip()}")
    return output


def migrate(address: str) -> None:
    """Create the tables and the accounts that the writers write to."""
    finish(manage(address, "migrate", "--verbosity", "0"))
    ask(address, "INSERT INTO ledger_account (orders_count) SELECT 0 FROM generate_series(1, 4)")
