"""``schema()``: sets ``search_path`` for a block.

See Note [Transaction variables].
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pgtrigger.session.databases import aliases
from pgtrigger.session.scopes import Scope
from pgtrigger.session.statements import ANYTHING
from pgtrigger.session.variables import RestoredVariable, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def _render_search_path(value: Mapping[str, Sequence[str]], database: str) -> str | None:
    schemas = value.get(database)
    if schemas is None:
        return None
    return sql.SQL(", ").join(map(sql.Identifier, schemas)).as_string()


_search_path = RestoredVariable("search_path", _render_search_path, statements=ANYTHING)


class _FixedPath(tuple[str, ...]):
    """Schemas that ``schema()`` must not replace."""


def before(schemas: Sequence[str], alias: str, usual: Sequence[str]) -> dict[Variable, Any]:
    """Return the variable with schemas before the usual ones of one database.

    Raises:
        ValueError: Inside ``schema()``, whose schemas would be left out.
    """
    outside: Mapping[str, Sequence[str]] = _search_path.get() or {}
    if alias in outside and not isinstance(outside[alias], _FixedPath):
        raise ValueError(f"schema() is open for the database {alias!r}: leave it first.")
    return {_search_path: {**outside, alias: _FixedPath([*schemas, *usual])}}


class schema(Scope):
    """Set ``search_path`` to these schemas: a context manager, and a decorator.

    Outside a transaction, each statement runs in its own transaction, so that a procedure that
    commits cannot be called. Statements that cannot run in a transaction, or would have no effect
    (VACUUM, CLUSTER, REINDEX, LOCK, ... CONCURRENTLY), use the session's ``search_path``.
    """

    def __init__(self, *schemas: str, databases: Iterable[str] | None = None):
        if not schemas:
            raise ValueError("schema() needs at least one schema.")
        self.schemas = schemas
        self.databases = aliases(databases)

    @staticmethod
    def session(databases: Iterable[str] | None = None) -> contextlib.AbstractContextManager[None]:
        """Kept for code that opens one: settings follow each ``schema()`` by themselves."""
        aliases(databases)
        return contextlib.nullcontext()

    def values(self) -> dict[Variable, Any]:
        outside: Mapping[str, Sequence[str]] = _search_path.get() or {}
        here = list(connections if self.databases is None else self.databases)
        fixed = [alias for alias in here if isinstance(outside.get(alias), _FixedPath)]
        if fixed:
            raise ValueError(
                f"schema() cannot change the search_path of {fixed[0]!r} here: it shows a point in "
                "time. Call schema() outside pghistory.as_of()."
            )
        return {_search_path: {**outside, **dict.fromkeys(here, self.schemas)}}
