"""Requests to every page of the site and the admin, made of bytes."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.core.signals import got_request_exception
from django.test import Client
from django.test.client import FakePayload
from django.urls import URLPattern, URLResolver, get_resolver

from proof.hostile.drawing import Drawing
from proof.hostile.targets import WrongAnswer, target

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")
NAMES = (
    *("q", "p", "o", "e", "all", "_popup", "_to_field", "method", "obj", "event_model", "action"),
    *("_selected_action", "app_label", "model_name", "field_name", "term", "pgh_label__in"),
    *("answer", "journal", "id__in", "pk", "username", "password", "pgh_created_at__gte", "next"),
    *("form-TOTAL_FORMS", "form-INITIAL_FORMS", "form-0-id", "_save", "post", "index"),
)
KINDS = (
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=b",
    "application/json",
    "text/plain; charset=utf-16",
)


def _paths(resolver: Any, prefix: str = "/") -> list[list[str]]:
    """Return the parts of each path of the URL configuration, ``<`` standing for a parameter."""
    found = []
    for entry in resolver.url_patterns:
        parts = f"{prefix}{entry.pattern}".replace("^", "").replace("$", "").replace("\\Z", "")
        if isinstance(entry, URLResolver):
            found += _paths(entry, parts)
        elif isinstance(entry, URLPattern):
            found.append(["<" if "<" in part or "(" in part else part for part in parts.split("/")])
    return found


class Site:
    """The site with a superuser who is logged in, and the exceptions of its views."""

    def __init__(self) -> None:
        self.paths = _paths(get_resolver())
        user, _ = get_user_model().objects.get_or_create(
            username="hostile", is_staff=True, is_superuser=True
        )
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)
        self.failures: list[Any] = []
        got_request_exception.connect(self._failed, weak=False)

    def _failed(self, **kwargs: Any) -> None:
        self.failures.append(sys.exc_info()[1])

    def send(self, drawing: Drawing) -> None:
        """Send a request.

        Raises:
            WrongAnswer: The answer is an error of the server.
        """
        parts = drawing.one_of(self.paths)
        path = "/".join(
            drawing.one_of(("1", "0", drawing.text(), "tutorial", "tracked"))
            if part == "<"
            else part
            for part in parts
        )
        fields = [(drawing.one_of(NAMES), drawing.text()) for _ in range(drawing.byte() % 4)]
        query = "&".join(f"{name}={value}" for name, value in fields)
        body = query.encode("utf-8", "surrogatepass")
        self.failures.clear()
        environ = {
            "HTTP_HOST": "localhost",
            "REQUEST_METHOD": drawing.one_of(METHODS),
            "PATH_INFO": path.encode("utf-8", "surrogatepass").decode("latin-1"),
            "QUERY_STRING": body.decode("latin-1").replace("\0", "%00"),
            "CONTENT_TYPE": drawing.one_of(KINDS),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": FakePayload(body),
        }
        response = self.client.request(**environ)
        if response.status_code >= 500:
            raise WrongAnswer(f"{environ}: {response.status_code}") from next(
                iter(self.failures), None
            )


_site: list[Site] = []


@target
def site(data: bytes) -> None:
    """No request is an error of the server."""
    if not _site:
        _site.append(Site())
    _site[0].send(Drawing(data))
