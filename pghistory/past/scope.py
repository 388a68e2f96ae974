"""``with pghistory.as_of(time)``: every query inside sees the tracked tables as they were.

See Note [Views of the past] and Note [Transaction variables].
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.postgresql.features import DatabaseFeatures
from django.utils import timezone

from pghistory.past import relations, state, views
from pghistory.past.schemas import PAST, Schemas
from pghistory.past.state import PastError
from pgtrigger.session import search_path
from pgtrigger.session.scopes import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pgtrigger.session.variables import Variable


# The usual schemas. ``async with`` reads them before, because it must not send a query itself.
_path: ContextVar[list[str] | None] = ContextVar("path", default=None)


class AsOf(Scope):
    """Shows the tracked tables as they were at a time: a context manager and a decorator."""

    def __init__(
        self,
        time: datetime,
        *,
        untracked: Literal["raise", "today"] = "raise",
        using: str = DEFAULT_DB_ALIAS,
    ):
        if not isinstance(time, datetime):
            raise TypeError(f"as_of() takes a datetime: found {time!r}.")
        if untracked not in ("raise", "today"):
            raise ValueError(f'untracked={untracked!r}: expected "raise" or "today".')
        self.time = timezone.make_aware(time) if timezone.is_naive(time) else time
        self.untracked = untracked
        self.using = using
        self.aliases = frozenset([using])
        # The functions that read relations of objects after the block; None if these raise.
        self.reads: Any = None

    async def __aenter__(self) -> Any:
        token = _path.set(await sync_to_async(_usual_path)(self.using))
        try:
            return await super().__aenter__()
        finally:
            _path.reset(token)

    def values(self) -> Mapping[Variable, Any]:
        path = _path.get() or _usual_path(self.using)
        own = Schemas.of(path[0])
        schemas = [own.past, *([own.untracked] if self.untracked == "raise" else [])]
        return {
            state.variable: self,
            **search_path.before(schemas, self.using, path),
        }


def _usual_path(using: str) -> list[str]:
    """The schemas of the connection's search_path outside of any scope.

    Raises:
        PastError: The views of the past are not installed.
    """
    _prepare()
    if state.current() is None and not views.is_installed(using):
        raise PastError(
            f"The views of the past are not in the database {using!r}, or migrations are running. "
            "Run manage.py migrate."
        )
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_catalog.unnest(pg_catalog.current_schemas(false))::text")
        return [name for (name,) in cursor.fetchall() if not name.startswith(PAST)]


def _prepare() -> None:
    """Install the hooks that a scope needs, once in a process."""
    relations.watch_instances()
    if not hasattr(DatabaseFeatures.allows_group_by_selected_pks_on_model, "__wrapped__"):
        DatabaseFeatures.allows_group_by_selected_pks_on_model = _grouping(  # type: ignore[method-assign]
            DatabaseFeatures.allows_group_by_selected_pks_on_model
        )


def _grouping(original: Callable[..., bool]) -> Callable[..., bool]:
    """Group by all columns: a view does not have a primary key to group by."""

    def allows(self: Any, model: Any) -> bool:
        return state.current() is None and original(self, model)

    allows.__wrapped__ = original  # type: ignore[attr-defined]
    return allows
