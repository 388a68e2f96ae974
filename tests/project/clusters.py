"""Real servers beside the one that the tests run on: a primary with a replica, and PgBouncer."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from django.conf import settings

from project.database import binaries
from project.database.embedded import Server
from tests.project.conftest import READ

PGBOUNCER = shutil.which("pgbouncer")
SECONDS = 30  # after which something that was waited for is given up


def url(server: Server, name: str = "postgres") -> str:
    """Return the URL of a database on the server."""
    return f"postgres://postgres@{quote(str(server.socket_folder()), safe='')}:5432/{name}"


def ask(address: str, query: str) -> Any:
    """Run a statement, and return the first column of its first row, if it has rows."""
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def wait_for(condition: Callable[[], object]) -> None:
    """Return when the condition is true. Raise TimeoutError if it does not become true."""
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition did not become true")
        time.sleep(0.05)


@dataclass
class Pair:
    """A primary with a streaming replica."""

    primary: Server
    replica: Server

    def caught_up(self) -> bool:
        """Return whether the replica has replayed everything."""
        position = ask(url(self.primary), "SELECT pg_current_wal_lsn()")
        return bool(
            ask(url(self.replica), f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn")
        )

    def promote(self) -> None:
        """Make the replica a primary."""
        ask(url(self.replica), "SELECT pg_promote()")


@contextmanager
def one_server() -> Iterator[Server]:
    """Start a server, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="clusters-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        server = Server(Path(name) / "server")
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def pair() -> Iterator[Pair]:
    """Start a primary and a replica, and stop both at the end."""
    with tempfile.TemporaryDirectory(prefix="clusters-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        primary, replica = Server(Path(name) / "primary"), Server(Path(name) / "replica")
        try:
            primary.start()
            copy(primary, replica)
            replica.start()
            yield Pair(primary, replica)
        finally:
            replica.stop()
            primary.stop()


def copy(primary: Server, replica: Server) -> None:
    """Copy the primary's data, and set up the copy as its replica."""
    replica.folder.mkdir()
    owner = primary.folder.stat()
    os.chown(replica.folder, owner.st_uid, owner.st_gid)
    source = ["--host", str(primary.socket_folder()), "--username", "postgres"]
    ended = binaries.run(
        *("pg_basebackup", *source, "--pgdata", str(replica.data), "--checkpoint", "fast"),
        owned=replica.folder,
    )
    assert ended.returncode == 0, ended.stdout
    with (replica.data / "postgresql.conf").open("a") as configuration:
        address = f"host={primary.socket_folder()} user=postgres application_name=replica"
        configuration.write(f"\nprimary_conninfo = '{address}'\n")
    signal = replica.data / "standby.signal"
    signal.touch()
    os.chown(signal, owner.st_uid, owner.st_gid)


@contextmanager
def pgbouncer(server: Server, *, size: int) -> Iterator[str]:
    """Start PgBouncer in transaction mode before the server, and yield the URL of ``postgres``."""
    assert PGBOUNCER
    with tempfile.TemporaryDirectory(prefix="pgbouncer-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "users").write_text('"postgres" ""\n')
        (folder / "ini").write_text(
            f"""
[databases]
* = host={server.socket_folder()} port=5432 user=postgres
[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
auth_type = trust
auth_file = {folder}/users
listen_addr =
unix_socket_dir = {folder}
listen_port = 6432
ignore_startup_parameters = options
"""
        )
        os.chmod(folder, 0o755)
        owner = server.folder.stat()
        os.chown(folder, owner.st_uid, owner.st_gid)
        process = subprocess.Popen(
            [*binaries.as_owner(server.folder), PGBOUNCER, "--quiet", str(folder / "ini")],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for(lambda: process.poll() is not None or (folder / ".s.PGSQL.6432").exists())
            assert process.poll() is None, process.communicate()[1]
            yield f"postgres://postgres@{quote(name, safe='')}:6432/postgres"
        finally:
            process.terminate()
            process.communicate()


def run(code: str, folder: Path | None = None, **variables: str) -> str:
    """Run Python code in a process of the project with these variables, and return its output."""
    ended = start(code, folder, **variables)
    output, errors = ended.communicate()
    assert ended.returncode == 0, output + errors
    return output


def start(code: str, folder: Path | None = None, **variables: str) -> "subprocess.Popen[str]":
    """Start Python code in a process of the project with these variables."""
    environment = {name: value for name, value in os.environ.items() if name not in READ}
    return subprocess.Popen(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        cwd=folder or settings.BASE_DIR,
        env=environment | {"DJANGO_SETTINGS_MODULE": "project.settings"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
