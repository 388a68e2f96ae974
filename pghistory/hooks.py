"""All hooks into Django's internals. Each is idempotent and documents why it is needed."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import class_prepared
from django.http import HttpRequest

from pghistory.reading import absent_columns
from pghistory.reading.history import History
from pghistory.tracking import event_models
from pghistory.writing import context

MIDDLEWARE = "_pghistory_middleware"


def before_models_load() -> None:
    """Prepare each event model as soon as its class exists, also those declared in models.py."""
    class_prepared.connect(event_models.prepare, dispatch_uid="pghistory.event_models")
    class_prepared.connect(_attach_history, dispatch_uid="pghistory.history")
    absent_columns.watch_migrations()


def watch_request_user() -> None:
    """Follow assignments to ``request.user``.

    Token authentication and logins assign it while a request is served, and Django sends no
    signal for that.
    """
    HttpRequest.user = _WatchedUser()  # type: ignore[assignment]


def _attach_history(sender: Any, **kwargs: Any) -> None:
    """Give a tracked model its ``history``, unless it has an attribute of that name."""
    tracked = getattr(sender, "pgh_tracked_model", None)
    if tracked is not None and isinstance(getattr(tracked, "history", None), History | None):
        tracked.history = History(tracked)


class _WatchedUser:
    """A descriptor for ``HttpRequest.user`` that updates the open context on assignment."""

    def __get__(self, request: HttpRequest | None, owner: type[HttpRequest]) -> Any:
        if request is None:
            return self
        try:
            return request.__dict__["user"]
        except KeyError:
            raise AttributeError(f"'{owner.__name__}' object has no attribute 'user'") from None

    def __set__(self, request: HttpRequest, user: Any) -> None:
        request.__dict__["user"] = user
        middleware = request.__dict__.get(MIDDLEWARE)
        if middleware is not None:
            metadata = middleware.get_context(request)
            # Keep the user's id after logout: the earlier changes are still theirs.
            context.add({key: value for key, value in metadata.items() if value is not None})

    def __delete__(self, request: HttpRequest) -> None:
        del request.__dict__["user"]
