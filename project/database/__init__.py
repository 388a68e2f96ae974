"""
The project's database: the one DATABASE_URL names, else an embedded PostgreSQL for development.

The package is a Django database backend, Django's own for PostgreSQL in all but how it opens a
connection (``base.py``). It imports no Django models and opens nothing when it is imported.
https://docs.djangoproject.com/en/stable/ref/databases/#subclassing-the-built-in-database-backends
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

from project.errors import WrongSetting

ENGINE = "project.database"
SCHEMES = ("postgres", "postgresql", "pgsql")
EXPECTED = "postgres://user:password@host:port/name"


def from_environment(embedded_folder: Path | None) -> dict[str, Any]:
    """
    An entry of Django's DATABASES: DATABASE_URL's, else the server embedded in the folder.

    Raises WrongSetting where DATABASE_URL is no PostgreSQL URL, or is missing and there is no
    folder either.
    """
    url = os.environ.get("DATABASE_URL", "")
    if url:
        return from_url(url)
    if embedded_folder is None:
        raise WrongSetting(
            "DATABASE_URL is not set and DEBUG is off, and the embedded PostgreSQL is for"
            f" development only: set DATABASE_URL to {EXPECTED}, or DEBUG=1."
        )
    return embedded(embedded_folder)


def from_url(url: str) -> dict[str, Any]:
    """An entry of DATABASES for the URL, whose password no message repeats."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if scheme not in SCHEMES:
        found = f"begins with {scheme}://" if scheme else "is no URL"
        raise WrongSetting(f"DATABASE_URL {found}: set it to {EXPECTED}, or unset it.")
    try:
        parsed = dj_database_url.parse(url, engine=ENGINE, conn_health_checks=True)
    except ValueError:
        raise WrongSetting(
            f"DATABASE_URL cannot be read: set it to {EXPECTED}, with %-escapes for special"
            " characters in the password."
        ) from None
    if not parsed["NAME"]:
        raise WrongSetting(f"DATABASE_URL names no database: set it to {EXPECTED}.")
    return dict(parsed)


def embedded(folder: Path) -> dict[str, Any]:
    """An entry of DATABASES for the server embedded in the folder, which it starts when needed."""
    return {
        "ENGINE": ENGINE,
        "EMBEDDED": folder,
        "NAME": "postgres",
        "USER": "postgres",
        "PORT": "5432",
    }
