"""
The project's database: the one in DATABASE_URL, or an embedded PostgreSQL for development.

This package is a Django database backend. It differs from Django's own PostgreSQL backend only in
how it opens a connection (``base.py``). Importing it imports no models and opens no connection.
https://docs.djangoproject.com/en/stable/ref/databases/#subclassing-the-built-in-database-backends
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from project import environment
from project.errors import WrongSetting

ENGINE = "project.database"
SCHEMES = ("postgres", "postgresql", "pgsql")
EXPECTED = "postgres://user:password@host:port/name"


def from_environment(embedded_folder: Path | None) -> dict[str, Any]:
    """
    Return an entry of Django's DATABASES.

    Args:
        embedded_folder: Folder of the embedded server that is used if DATABASE_URL is not set.

    Raises:
        WrongSetting: DATABASE_URL is not the URL of a PostgreSQL database, or it is not set and
            there is no folder either.
    """
    url = environment.text("DATABASE_URL")
    if url:
        return with_direct(from_url(url), environment.text("DIRECT_DATABASE_URL"))
    if embedded_folder is None:
        raise WrongSetting(
            "DATABASE_URL is not set and DEBUG is off, and the embedded PostgreSQL is for"
            f" development only: set DATABASE_URL to {EXPECTED}, or DEBUG=1."
        )
    return embedded(embedded_folder)


def from_url(url: str, variable: str = "DATABASE_URL") -> dict[str, Any]:
    """Return an entry of DATABASES for the URL. No error message contains its password."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme not in SCHEMES:
        found = f"begins with {scheme}://" if scheme else "is not a URL"
        raise WrongSetting(f"{variable} {found}: set it to {EXPECTED}, or unset it.")
    try:
        parsed = dj_database_url.parse(url, engine=ENGINE, conn_health_checks=True)
    except ValueError:
        raise WrongSetting(
            f"{variable} cannot be read: set it to {EXPECTED}, with %-escapes for special"
            " characters in the password."
        ) from None
    if not parsed["NAME"]:
        raise WrongSetting(f"{variable} does not name a database: set it to {EXPECTED}.")
    return dict(parsed)


def with_direct(database: dict[str, Any], url: str) -> dict[str, Any]:
    """
    Add the address in DIRECT_DATABASE_URL, which ``connection.direct()`` uses.

    It is for work that needs one session, such as ``migrate``, if DATABASE_URL is the address of a
    connection pooler. Through the pooler, ``QuerySet.iterator()`` then uses no server-side cursor,
    whose rows another session would be asked for.
    https://docs.djangoproject.com/en/stable/ref/databases/#transaction-pooling-and-server-side-cursors
    """
    if not url:
        return database
    direct = from_url(url, "DIRECT_DATABASE_URL")
    if direct["NAME"] != database["NAME"]:
        raise WrongSetting(
            f"DIRECT_DATABASE_URL names the database {direct['NAME']!r} and DATABASE_URL names"
            f" {database['NAME']!r}: set both to the same name."
        )
    keys = ("HOST", "PORT", "USER", "PASSWORD", "OPTIONS")
    address: dict[str, Any] = {key: direct[key] for key in keys if key in direct}
    address["DISABLE_SERVER_SIDE_CURSORS"] = False
    return database | {"DIRECT": address, "DISABLE_SERVER_SIDE_CURSORS": True}


def embedded(folder: Path) -> dict[str, Any]:
    """Return an entry of DATABASES for the server in the folder, which starts on first use."""
    return {
        "ENGINE": ENGINE,
        "EMBEDDED": folder,
        "NAME": "postgres",
        "USER": "postgres",
        "PORT": "5432",
    }


def session_options(*, application_name: str, **durations: str) -> dict[str, str]:
    """
    Return OPTIONS that set the application's name and the timeouts of each connection.

    Args:
        application_name: Name that pg_stat_activity and the server's log show.
        durations: Values of PostgreSQL settings such as ``statement_timeout``. A value of ``0`` is
            left out, so that a limit set for the role or the database stays.

    https://www.postgresql.org/docs/current/runtime-config-client.html
    """
    limits = [f"-c {name}={value}" for name, value in durations.items() if value != "0"]
    options = {"application_name": application_name}
    return options | {"options": " ".join(limits)} if limits else options


def use_pool(database: dict[str, Any], size: int) -> None:
    """
    Make each process share at most ``size`` connections to this entry of DATABASES.

    https://docs.djangoproject.com/en/stable/ref/databases/#connection-pool
    """
    if "EMBEDDED" in database:
        raise WrongSetting(
            "DATABASE_POOL_SIZE is set and DATABASE_URL is not: set DATABASE_URL, or unset"
            " DATABASE_POOL_SIZE."
        )
    database["CONN_MAX_AGE"] = 0
    database.setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": size, "timeout": 10}
