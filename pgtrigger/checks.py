"""System checks.

pgtrigger.W001
    A declared trigger is not in the database as declared (``manage.py check --database ALIAS``).
pgtrigger.W002
    The database has a trigger of the engine's that nothing declares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core import checks
from django.db import connections

from pgtrigger import administration, catalog

if TYPE_CHECKING:
    from collections.abc import Iterable


def register() -> None:
    checks.register(check_installed, checks.Tags.database)


def check_installed(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Compares what is declared with what these databases have."""
    return [message for alias in databases or () for message in _messages(alias)]


def _messages(alias: str) -> list[checks.CheckMessage]:
    if connections[alias].vendor != "postgresql":
        return []
    differing = [
        checks.Warning(
            f'Trigger {entry.uri} is {entry.status} on database "{alias}".',
            hint="Run manage.py migrate, or manage.py pgtrigger install; "
            f"manage.py pgtrigger diff {entry.uri} shows the difference.",
            id="pgtrigger.W001",
        )
        for entry in administration.entries(database=alias)
        if entry.status in (catalog.OUTDATED, catalog.UNINSTALLED)
    ]
    undeclared = [
        checks.Warning(
            f'Trigger {pgid} on table {table} of database "{alias}" is declared by no model.',
            hint=f"Run manage.py pgtrigger prune --database {alias}.",
            id="pgtrigger.W002",
        )
        for table, pgid, _, _ in administration.prunable(alias)
    ]
    return [*differing, *undeclared]
