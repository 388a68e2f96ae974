"""Databases beside the project's own, and their schemas as pg_dump prints them.

https://www.postgresql.org/docs/current/app-pgdump.html
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from project.database import binaries, from_environment
from project.database import embedded as entry_of
from project.database.embedded import Server as EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ENTRY = re.compile(r"^-- Name: (.*); Type: (.*); Schema: (.*); Owner: .*$", re.MULTILINE)
# Tables, triggers, functions and indexes that belong to the engines or to the app with the rules.
OWN = re.compile(r"(?<![a-z])_?(pghistory_|pgh_|pgtrigger_|rules_)")


class Server:
    """The server of DATABASE_URL, else the embedded one."""

    def __init__(self, root: Path) -> None:
        self.programs = ""
        if os.environ.get("DATABASE_URL"):
            self.entry = dict(from_environment(None))
        else:
            server = EmbeddedServer(root / ".postgres")
            server.start()
            self.entry = {
                **entry_of(root / ".postgres"),
                "HOST": str(server.socket_folder()),
            }
            self.programs = f"{binaries.folder()}/"

    def settings(self, name: str) -> str:
        """Return an entry of Django's DATABASES as JSON."""
        kept = {key: self.entry.get(key, "") for key in ("USER", "PASSWORD", "HOST", "PORT")}
        return json.dumps({"ENGINE": "django.db.backends.postgresql", "NAME": name, **kept})

    def create(self, name: str, template: str = "template1") -> None:
        """Create a database, empty or as a copy, in place of one of the same name."""
        self.drop(name)
        self._execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )

    def drop(self, name: str) -> None:
        self._execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def version(self) -> str:
        with self.connect(self.entry["NAME"]) as connection:
            return str(connection.execute("SHOW server_version").fetchone()[0]).split()[0]

    def connect(self, name: str) -> Any:
        keys = {"USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        given = {keys[key]: self.entry[key] for key in keys if self.entry.get(key)}
        return psycopg.connect(dbname=name, autocommit=True, client_encoding="UTF8", **given)

    def _execute(self, statement: sql.Composable) -> None:
        with self.connect(self.entry["NAME"]) as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute(statement)

    def schema(self, name: str) -> dict[str, str]:
        """Return the SQL of each object of the schema, by its type, schema and name."""
        keys = {"USER": "--username", "HOST": "--host", "PORT": "--port"}
        place = [f"{keys[key]}={self.entry[key]}" for key in keys if self.entry.get(key)]
        ended = subprocess.run(
            [
                f"{self.programs}pg_dump",
                *("--schema-only", "--no-owner", "--no-privileges", "--no-comments"),
                *place,
                name,
            ],
            env={**os.environ, "PGPASSWORD": str(self.entry.get("PASSWORD", ""))},
            capture_output=True,
            text=True,
        )
        if ended.returncode != 0:
            raise RuntimeError(f"pg_dump failed: {ended.stderr.strip()}")
        parts = ENTRY.split(ended.stdout)[1:]
        return {
            f"{kind} {schema}.{label}": "\n".join(
                line for line in text.splitlines() if line and not line.startswith(("--", "\\"))
            )
            for label, kind, schema, text in zip(*[iter(parts)] * 4, strict=True)
        }


@contextlib.contextmanager
def throwaway_server() -> Iterator[Server]:
    """Start a server in a temporary folder, unless DATABASE_URL names one.

    It does not wait for the disk, which ``DROP DATABASE`` and ``DROP TABLE`` do otherwise.
    https://www.postgresql.org/docs/current/non-durability.html
    """
    if os.environ.get("DATABASE_URL"):
        yield Server(Path.cwd())
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        folder.chmod(0o755)
        server = Server(folder)
        try:
            with server.connect("postgres") as connection:
                for setting in ("fsync", "full_page_writes", "autovacuum"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield server
        finally:
            EmbeddedServer(folder / ".postgres").stop()


def differences(expected: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return what differs between two schemas, the engines' own objects left out."""
    expected, found = (
        {key: text for key, text in schema.items() if not OWN.search(key)}
        for schema in (expected, found)
    )
    result = [f"missing: {key}" for key in sorted(set(expected) - set(found))]
    result += [f"added: {key}" for key in sorted(set(found) - set(expected))]
    for key in sorted(set(expected) & set(found)):
        if expected[key] != found[key]:
            result.append(f"changed: {key}\n{expected[key]}\n{found[key]}")
    return result
