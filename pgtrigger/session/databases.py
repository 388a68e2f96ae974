"""The database aliases that a call is limited to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Iterable


def aliases(databases: Iterable[str] | None) -> frozenset[str] | None:
    if databases is None:
        return None
    if isinstance(databases, str):
        raise TypeError(f"databases takes a list of aliases: found {databases!r}.")
    found = frozenset(databases)
    for alias in found:
        connections[alias]
    return found
