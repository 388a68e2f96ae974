"""
``/health/live`` and ``/health/ready``, for a container's health check and for a load balancer.

Both answer at any host name and address, over HTTP, and without a session: the middleware is the
first one, and answers these two paths by itself.
"""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from pgtrigger import administration

logger = logging.getLogger(__name__)

Respond = Callable[[HttpRequest], Any]


class HealthMiddleware:
    """
    Answer the two paths, and pass every other request on.

    ``/health/live`` is 200 if the process answers at all. ``/health/ready`` is 200 if the database
    answers, all migrations are applied and all triggers are installed; otherwise 503. Once it has
    been 200, the process asks only whether the database answers: during a deployment, the next
    release's migrations may replace a trigger while this release still serves.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Respond):
        self.get_response = get_response
        self.was_ready = False
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the response, or an awaitable of it under ASGI."""
        if iscoroutinefunction(self.get_response):
            return self._respond(request)
        answer = self._answer(request)
        response: HttpResponseBase = answer() if answer else self.get_response(request)
        return response

    async def _respond(self, request: HttpRequest) -> HttpResponseBase:
        answer = self._answer(request)
        if answer:
            return await sync_to_async(answer)()
        response: HttpResponseBase = await self.get_response(request)
        return response

    def _answer(self, request: HttpRequest) -> Callable[[], JsonResponse] | None:
        paths = {"/health/live": self._live, "/health/ready": self._ready}
        return paths.get(request.path_info.rstrip("/"))

    def _live(self) -> JsonResponse:
        return JsonResponse({"status": "live"})

    def _ready(self) -> JsonResponse:
        if is_draining():
            return JsonResponse({"status": "draining"}, status=503)
        problems = unreachable() or ([] if self.was_ready else not_installed())
        for problem in problems:
            logger.warning("Not ready: %s", problem)
        if problems:
            return JsonResponse({"status": "not ready", "problems": problems}, status=503)
        self.was_ready = True
        return JsonResponse({"status": "ready"})


def is_draining() -> bool:
    """Return whether the file in DRAIN_FILE exists: this process will stop, but still serves."""
    return bool(settings.DRAIN_FILE) and Path(settings.DRAIN_FILE).exists()


def unreachable(database: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return one sentence if the database does not answer a query; otherwise an empty list."""
    connection = connections[database]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        logger.warning("The database does not answer: %s", error)
        connection.close_if_unusable_or_obsolete()
        return ["The database does not answer."]
    return []


def not_installed(database: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Return one sentence each for migrations and triggers that the database does not have."""
    return [*_migrations(database), *_triggers(database)]


def _migrations(database: str) -> list[str]:
    executor = MigrationExecutor(connections[database])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan)
    return [f"Migrations are not applied: {names}."] if plan else []


def _triggers(database: str) -> list[str]:
    entries, _ = administration.survey(database=database)
    missing = [entry.uri for entry in entries if entry.status in ("UNINSTALLED", "OUTDATED")]
    return [f"Triggers are not installed as declared: {', '.join(missing)}."] if missing else []
