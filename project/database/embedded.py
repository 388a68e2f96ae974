"""
A PostgreSQL server for development, with its data in one folder. It listens on a Unix socket only.

Note [The lock]
    The file ``lock`` is locked with flock(2). The process that starts the server passes the locked
    descriptor to initdb and to the server, so the file is locked as long as one of their processes
    exists. A process that gets the lock therefore knows three things:

    - No process of the server is left.
    - ``postmaster.pid`` is stale, even if another process has the same number now.
    - It must start the server itself.

    All other processes wait until the server answers. If the server, its children or the process
    that started it is killed, nothing has to be cleaned up by hand.

Note [The socket]
    The path of a socket has at most 107 bytes, and the path of the data folder may be longer. So
    each start creates a private folder for the socket under /tmp. ``postmaster.pid`` contains its
    path. The folder is new each time, because a server whose data folder was deleted runs for up
    to another minute and then removes its socket. That must not be the socket of the next server.

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

PATIENCE = 60  # seconds to wait for a server that does not answer
GRACE = 2  # seconds that a starting process has to remove the files of a killed server
ROOM = 64 << 20  # bytes that a data folder and its first log need

SETTINGS = """\
# This file is rewritten at each start: do not edit it.
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = 200
"""


class Server:
    """
    The server of one folder, which contains only ``data``, ``lock`` and ``log``.

    Any number of processes may use it at the same time. A method that fails raises
    DatabaseUnavailable, with the reason and the remedy in one sentence.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.unfinished = folder / "data.new"
        self.lock = folder / "lock"
        self.log = folder / "log"
        self._patiently = ("-w", "-t", str(PATIENCE), "-D", str(self.data))

    def socket_folder(self) -> Path | None:
        """Return the folder of the socket that the last start created, or None."""
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
        """Start the server unless it is running, and return when it answers."""
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
        """Stop the server and disconnect its clients. Return False if it was not running."""
        if not self.lock.exists():
            return False
        with self.lock.open("ab") as lock:
            if _acquired(lock):
                return False
            sockets = self.socket_folder()
            self._run("pg_ctl", "stop", *self._patiently, "-m", "fast")
            fcntl.flock(lock, fcntl.LOCK_EX)  # waits for the end of its last process
            _remove(sockets)
            return True

    def _lost_its_socket(self) -> bool:
        """Return True if the socket's folder was deleted, so that nobody can reach the server."""
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
                f" ({error.strerror}): make it a writable folder, or set DATABASE_URL."
            ) from error
        if os.geteuid() not in (0, owner):
            raise DatabaseUnavailable(
                f"The data folder {self.folder} belongs to {_name(owner)}: run the"
                " command as that user, remove the folder, or set DATABASE_URL."
            )
        if strangers:
            raise DatabaseUnavailable(
                f"{self.folder} is not a data folder of this project, because it contains"
                f" {min(strangers)!r}: move the folder away, or set DATABASE_URL."
            )

    def _launched_here(self) -> bool:
        """Start the server. Return False if another process has the lock. See Note [The lock]."""
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
        """Create the data under another name, and rename it to ``data`` when it is complete."""
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
        programs = f"PostgreSQL {binaries.major_version()}"
        if found != programs:
            raise DatabaseUnavailable(
                f"The embedded server is {programs}, but {self.data} contains"
                f" {found}: move that folder away, or set DATABASE_URL."
            )

    def _serve(self, lock: IO[bytes]) -> None:
        """Remove the files of a killed server, and start a new server. See Note [The socket]."""
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
        elif os.geteuid() == 0 != self.folder.stat().st_uid:  # see Note [Users] of ``binaries``
            remedy = f"run the command as an ordinary user, or see {self.log}"
        else:
            remedy = f"see {self.log}"
        return DatabaseUnavailable(
            f"The embedded PostgreSQL in {self.folder} failed at {program} ({reason}): {remedy},"
            " or set DATABASE_URL."
        )


def _complaint(said: str, log: Path) -> str:
    """Return the last error in the server's log or, without one, in the program's output."""
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
