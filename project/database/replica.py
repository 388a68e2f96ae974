"""
Read from a streaming replica, but never something older than what this client has written.

REPLICA_DATABASE_URL turns this on. Writes, transactions and requests that may write use the
primary. Any other request reads from the replica, if the replica has replayed the client's last
write: its position in the write-ahead log is in a cookie. Outside a request, such as in a command,
everything uses the primary.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-RECOVERY-CONTROL
https://docs.djangoproject.com/en/stable/topics/db/multi-db/#automatic-database-routing
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponseBase

logger = logging.getLogger(__name__)

ALIAS = "replica"
COOKIE = "written_at"
COOKIE_AGE = 60  # seconds: a replica that is further behind is out of order
POSITION = re.compile(r"[0-9A-F]{1,8}/[0-9A-F]{1,8}")
HAS_REPLAYED = """\
SELECT coalesce(
    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
        >= %s::pg_lsn,
    false)"""


@dataclass
class Reads:
    """The database of one request's reads. ``position`` is of the client's last write, if any."""

    position: str = "0/0"
    wrote: bool = False
    from_replica: bool | None = None

    def alias(self) -> str:
        """Return the alias to read from. Ask the replica once for each request."""
        if self.wrote or transaction.get_connection().in_atomic_block:
            return DEFAULT_DB_ALIAS
        if self.from_replica is None:
            self.from_replica = has_replayed(self.position)
        return ALIAS if self.from_replica else DEFAULT_DB_ALIAS


_reads: ContextVar[Reads | None] = ContextVar("reads", default=None)


def has_replayed(position: str) -> bool:
    """Return whether the replica answers and has replayed the log up to the position."""
    connection = connections[ALIAS]
    try:
        with connection.cursor() as cursor:
            cursor.execute(HAS_REPLAYED, [position])
            ((replayed,),) = cursor.fetchall()
    except Error as error:
        logger.warning("The replica does not answer, the primary is read: %s", error)
        connection.close()
        return False
    return bool(replayed)


@contextmanager
def use_primary() -> Iterator[None]:
    """Read from the primary inside the ``with`` block, for example after a write in raw SQL."""
    token = _reads.set(Reads(wrote=True))
    try:
        yield
    finally:
        _reads.reset(token)


class ReplicaRouter:
    """Django's router for the two aliases. Both are the same database."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        """Return the alias that the request reads from, or the primary outside a request."""
        reads = _reads.get()
        return reads.alias() if reads else DEFAULT_DB_ALIAS

    def db_for_write(self, model: type[Model], **hints: Any) -> str:
        """Return the primary, and read from it for the rest of the request."""
        reads = _reads.get()
        if reads:
            reads.wrote = True
        return DEFAULT_DB_ALIAS

    def allow_relation(self, first: Model, second: Model, **hints: Any) -> bool:
        """Return True: rows that were read from the two aliases are of one database."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Return False for the replica, which receives every change from the primary."""
        return False if db == ALIAS else None


class ReplicaMiddleware:
    """
    Decide where each request reads, and remember the position of its writes in a cookie.

    Requests with other methods than GET, HEAD and OPTIONS read from the primary.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]):
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Return the response, or an awaitable of it under ASGI."""
        if iscoroutinefunction(self.get_response):
            return self._respond(request)
        reads = self._begin(request)
        token = _reads.set(reads)
        try:
            return self._remember(reads, self.get_response(request))
        finally:
            _reads.reset(token)

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        reads = self._begin(request)
        token = _reads.set(reads)
        try:
            response = await self.get_response(request)
            return await sync_to_async(self._remember)(reads, response)
        finally:
            _reads.reset(token)

    def _begin(self, request: HttpRequest) -> Reads:
        position = request.COOKIES.get(COOKIE, "")
        return Reads(
            position=position if POSITION.fullmatch(position) else "0/0",
            wrote=request.method not in ("GET", "HEAD", "OPTIONS"),
        )

    def _remember(self, reads: Reads, response: HttpResponseBase) -> HttpResponseBase:
        if reads.wrote:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
                ((position,),) = cursor.fetchall()
            response.set_cookie(
                COOKIE,
                position,
                max_age=COOKIE_AGE,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response
