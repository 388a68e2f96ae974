"""``HistoryMiddleware``: each request's changes share a context that says who made them.

https://docs.djangoproject.com/en/stable/topics/http/middleware/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest

from pghistory import config
from pghistory.writing import context

if TYPE_CHECKING:
    from collections.abc import Callable


class HistoryMiddleware:
    """Opens a context with ``user`` (the key) and ``url`` (the path) round each request.

    It goes after AuthenticationMiddleware, and acts on the methods of
    ``PGHISTORY_MIDDLEWARE_METHODS``. To say something else, override ``get_context``. Another
    ``request.user`` that is set while the request is served, by token authentication or a login,
    is seen.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]):
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        """The metadata of this request."""
        user = getattr(request, "user", None)
        # Anybody may ask for a path with a NUL in it, which jsonb has not.
        return {"user": getattr(user, "pk", None), "url": request.path.replace("\0", "\ufffd")}

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._respond(request)
        if request.method not in config.middleware_methods():
            return self.get_response(request)
        with context.context(**self.get_context(request)):
            request.__dict__[_MIDDLEWARE] = self
            return self.get_response(request)

    async def _respond(self, request: HttpRequest) -> Any:
        if request.method not in config.middleware_methods():
            return await self.get_response(request)
        with context.context(**await sync_to_async(self.get_context)(request)):
            request.__dict__[_MIDDLEWARE] = self
            return await self.get_response(request)


_MIDDLEWARE = "_pghistory_middleware"


class _WatchedUser:
    """``HttpRequest.user``: an attribute as before, of whose assignment the context hears."""

    def __get__(self, request: HttpRequest | None, owner: type[HttpRequest]) -> Any:
        if request is None:
            return self
        try:
            return request.__dict__["user"]
        except KeyError:
            raise AttributeError(f"'{owner.__name__}' object has no attribute 'user'") from None

    def __set__(self, request: HttpRequest, user: Any) -> None:
        request.__dict__["user"] = user
        middleware = request.__dict__.get(_MIDDLEWARE)
        if middleware is not None:
            said = middleware.get_context(request)
            # Who has logged out made the changes all the same.
            context.add({key: value for key, value in said.items() if value is not None})

    def __delete__(self, request: HttpRequest) -> None:
        del request.__dict__["user"]


# Whoever authenticates late assigns it, and Django sends no signal of that.
HttpRequest.user = _WatchedUser()  # type: ignore[assignment]
