"""The error of a command whose connection lacks a privilege: it says which role has it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg.errors
from django.core.management.base import CommandError
from django.db import ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def as_command_error() -> Iterator[None]:
    """Raise CommandError for PostgreSQL's "permission denied" and "must be owner"."""
    try:
        yield
    except ProgrammingError as error:
        if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise
        raise CommandError(
            f"{error.__cause__.diag.message_primary}. Connect as the role that owns the tables."
        ) from error
