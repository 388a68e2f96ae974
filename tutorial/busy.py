"""Answer with a page, not with an error, if a run does not get a lock or takes too long."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BUSY = frozenset(
    {
        "40P01",  # deadlock_detected
        "53300",  # too_many_connections
        "55P03",  # lock_not_available
        "57014",  # query_canceled: statement_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
    }
)
RETRY_AFTER = 5  # seconds


def is_busy(error: BaseException) -> bool:
    """Return whether the error is due to what the server does for others, and will pass."""
    codes = (getattr(each, "sqlstate", None) for each in _with_causes(error))
    return isinstance(error, OperationalError) and any(code in _BUSY for code in codes)


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def busy_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """
    Decorate a view: if the database is busy, the answer is a page with status 503 that says so.

    htmx gets a sentence at the top of what it asked to replace.
    """

    @functools.wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except OperationalError as error:
            if not is_busy(error):
                raise
        if request.headers.get("HX-Request"):
            response = render(request, "tutorial/_busy.html")
            response["HX-Reswap"] = "afterbegin"
            return response
        response = render(request, "tutorial/busy.html", status=503)
        response["Retry-After"] = str(RETRY_AFTER)
        return response

    return inner
