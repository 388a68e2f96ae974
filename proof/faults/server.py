"""The server is killed, or its sessions are, or its disk is full."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from proof.claims import CannotRun, claim
from proof.servers import ask, kill, migrate, server, url, wait_for
from proof.verifying import verify
from proof.writers import recovery, writing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project.database.embedded import Server
    from proof.claims import Run
    from proof.writers import Writers

MEGABYTE = 1 << 20
DISK = 320 * MEGABYTE


@claim("PostgreSQL is killed with -9 under 8 writers with fsync on", area="faults")
def server_killed(run: Run) -> None:
    """Kill all its processes at random moments, and start it again as a supervisor does."""
    chance = random.Random(run.seed)
    with server() as started:
        migrate(url(started))
        with _steady_address(started) as address, writing(run, address) as writers:
            run.figures["fsync"] = ask(url(started), "SHOW fsync")[0][0]
            for number in range(run.times(20, short=2)):
                time.sleep(chance.uniform(0.2, 1))
                run.say(f"kill {number + 1}")
                kill(started)
                started.start()
                with recovery(run, writers):
                    run.figures["kills"] = number + 1
        verify(run, url(started), writers)


@contextmanager
def _steady_address(started: Server) -> Iterator[str]:
    """Yield an address that stays the same when the server is started again.

    The embedded server has a new socket after each start. A link leads to the current one.
    """
    with tempfile.TemporaryDirectory(prefix="proof-socket-", dir="/tmp") as name:
        os.chmod(name, 0o755)
        link = Path(name) / "sockets"
        begin = started.start

        def start() -> None:
            begin()
            link.unlink(missing_ok=True)
            link.symlink_to(str(started.socket_folder()))

        started.start = start  # type: ignore[method-assign]
        start()
        yield f"postgres://postgres@{str(link).replace('/', '%2F')}:5432/postgres"


@claim("Sessions are terminated during COMMIT, before and after it takes effect", area="faults")
def sessions_terminated(run: Run) -> None:
    """Terminate writers' sessions that are committing.

    Half of the time a commit waits for a replica that does not exist. It has then taken effect, and
    the writer does not learn of it.
    https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-SYNCHRONOUS-STANDBY-NAMES
    """
    counts = {"terminated": 0, "after the commit took effect": 0}
    with server() as started:
        address = url(started)
        migrate(address)
        with writing(run, address) as writers:
            for number in range(run.times(20, short=4)):
                waiting = bool(number % 2)
                run.say(f"round {number + 1}")
                _commits_wait(address, waiting)
                until = time.monotonic() + 1
                while time.monotonic() < until:
                    ended = _terminate_committing(address, waiting)
                    counts["terminated"] += ended
                    counts["after the commit took effect"] += ended * waiting
                _commits_wait(address, False)
                with recovery(run, writers):
                    pass
        verify(run, address, writers)
    run.figures |= counts
    if not counts["after the commit took effect"]:
        run.violations.append("no session was terminated after its commit had taken effect")


def _commits_wait(address: str, waiting: bool) -> None:
    names = "nobody" if waiting else ""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        connection.execute("SELECT pg_reload_conf()")


def _terminate_committing(address: str, waiting: bool) -> int:
    state = "wait_event = 'SyncRep'" if waiting else "query = 'COMMIT' AND state = 'active'"
    rows = ask(
        address,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND {state}",
    )
    return len(rows)


@claim("The disk is full, and has room again later", area="faults")
def disk_full(run: Run) -> None:
    """Fill the file system of the data folder under 8 writers, and remove the ballast later."""
    with _small_disk() as folder, server(folder) as started:
        migrate(url(started))
        with _steady_address(started) as address, writing(run, address) as writers:
            ballast = folder / "ballast"
            for number in range(run.times(10, short=2)):
                run.say(f"fill {number + 1}")
                expected = _errors(writers) + 8
                _fill(ballast)
                wait_for(lambda n=expected: _errors(writers) >= n, "errors because of the disk")
                ballast.unlink()
                if not started.answers():  # it stops itself if it cannot write its log
                    run.figures["restarts"] = run.figures.get("restarts", 0) + 1
                started.start()
                with recovery(run, writers):
                    run.figures["times full"] = number + 1
        verify(run, url(started), writers)


def _errors(writers: Writers) -> int:
    writers.read()
    return sum(writers.errors.values())


@contextmanager
def _small_disk() -> Iterator[Path]:
    """Mount a file system of limited size.

    Raises:
        CannotRun: The user may not mount.
    """
    with tempfile.TemporaryDirectory(prefix="proof-disk-", dir="/tmp") as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=0755", "proof", name]
        try:
            ended = subprocess.run(mount, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise CannotRun("mount is not installed") from error
        if ended.returncode:
            raise CannotRun(f"a full disk needs a file system: {ended.stderr.strip()}")
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def _fill(ballast: Path) -> None:
    """Write to the file until nothing more fits on its file system."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(64 << 10))
