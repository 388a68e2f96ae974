"""
Back up a database with pg_dump, and restore it with pg_restore.

A dump creates the triggers after it has loaded the rows, so no rule refuses a row and no event is
written twice. https://www.postgresql.org/docs/current/app-pgdump.html
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from django.db import connections

from project.database import binaries
from project.database.base import direct
from project.errors import DatabaseUnavailable

_OBJECTS = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND relkind IN ('r', 'p', 'S')
"""


class DumpError(Exception):
    """The message says what was found and what to do."""


def back_up(database: str, file: Path) -> None:
    """
    Write the whole database to ``file``, in PostgreSQL's custom format.

    The file appears under its name only when it is complete. Raise DumpError if that fails.
    """
    if file.exists():
        raise DumpError(f"{file} exists: use another name.")
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(file.name + ".partial")
    try:
        _run(database, "pg_dump", "--format=custom", f"--file={partial}")
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def restore(database: str, file: Path) -> None:
    """
    Load ``file`` into an empty database, in one transaction. Raise DumpError if that fails.

    Everything belongs to the role that connects. Roles that have privileges must exist.
    """
    if not file.is_file():
        raise DumpError(f"{file} does not exist.")
    with connections[database].cursor() as cursor:
        cursor.execute(_OBJECTS)
        ((count,),) = cursor.fetchall()
    if count:
        raise DumpError(
            f"The database {connections[database].settings_dict['NAME']!r} has {count} tables and"
            " sequences: restore into an empty database. In development, `manage.py"
            " reset_database` empties it."
        )
    _run(
        database,
        *("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner"),
        "--dbname={name}",
        str(file),
    )


def _run(database: str, command_name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database. No password is in its arguments."""
    with direct(database):
        connections[database].ensure_connection()
        parameters = connections[database].get_connection_params()
        version = connections[database].connection.info.server_version // 10000
    name = str(parameters["dbname"])
    command = [
        program(command_name, version),
        *(argument.format(name=name) for argument in arguments),
    ]
    ended = subprocess.run(
        command, env=_environment(parameters), capture_output=True, text=True, errors="replace"
    )
    if ended.returncode != 0:
        remedy = ""
        if "version mismatch" in ended.stderr:
            remedy = (
                f"\nInstall the client programs of PostgreSQL {version} (on Debian:"
                f" postgresql-client-{version}), or set POSTGRES_PROGRAMS to their folder."
            )
        raise DumpError(f"{command_name} failed: {ended.stderr.strip()}{remedy}")


def program(name: str, version: int) -> str:
    """
    Return the path of a program of the server's major version, or of another one if there is none.

    A newer pg_dump reads an older server, but writes settings that such a server does not know.
    """
    found = [folder / name for folder in _folders(str(version)) if (folder / name).exists()]
    if not found:
        raise DumpError(f"{name} is not installed: install PostgreSQL's client programs.")
    return str(found[0])


def _folders(version: str) -> list[Path]:
    """Return folders of programs. Those that may be of another version come last."""
    debian = Path(f"/usr/lib/postgresql/{version}/bin")
    installed = [Path(path).parent for path in [shutil.which("pg_dump")] if path]
    try:
        embedded = binaries.folder()
    except DatabaseUnavailable:
        return [debian, *installed]
    if binaries.major_version() == version:
        return [embedded]
    return [debian, *installed, embedded]


def _environment(parameters: dict[str, Any]) -> dict[str, str]:
    """https://www.postgresql.org/docs/current/libpq-envars.html"""
    variables = {
        "PGHOST": "host",
        "PGPORT": "port",
        "PGUSER": "user",
        "PGPASSWORD": "password",
        "PGDATABASE": "dbname",
        "PGSSLMODE": "sslmode",
    }
    own = {key: str(parameters[value]) for key, value in variables.items() if parameters.get(value)}
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return kept | own
