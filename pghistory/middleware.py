"""``HistoryMiddleware``: the changes of a request share a context with its user.

https://docs.djangoproject.com/en/stable/topics/http/middleware/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async

from pghistory import hooks
from pghistory.config import settings
from pghistory.writing import context

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest


class HistoryMiddleware:
    """Opens a context with ``user`` (the key) and ``url`` (the path) round each request.

    Put it after AuthenticationMiddleware. It acts on the methods of
    ``PGHISTORY_MIDDLEWARE_METHODS``. Override ``get_context`` for other metadata. If
    ``request.user`` is set while the request is served, by token authentication or a login, the
    context changes with it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]):
        hooks.watch_request_user()
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        """The metadata of this request."""
        user = getattr(request, "user", None)
        # The path of a request may contain NUL, which jsonb cannot store.
        return {"user": getattr(user, "pk", None), "url": request.path.replace("\0", "\ufffd")}

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._respond(request)
        if request.method not in settings.middleware_methods:
            return self.get_response(request)
        with context.context(**self.get_context(request)):
            request.__dict__[hooks.MIDDLEWARE] = self
            return self.get_response(request)

    async def _respond(self, request: HttpRequest) -> Any:
        if request.method not in settings.middleware_methods:
            return await self.get_response(request)
        with context.context(**await sync_to_async(self.get_context)(request)):
            request.__dict__[hooks.MIDDLEWARE] = self
            return await self.get_response(request)
