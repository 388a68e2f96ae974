"""Answer requests that Django or PostgreSQL cannot read with status 400 instead of 500."""

import codecs
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.db import DataError

# Django decodes query strings and bodies with any codec that Python has, before any middleware
# runs. Some codecs are not for text, and some raise UnicodeError for many bytes.
ENCODINGS = frozenset(codecs.lookup(name).name for name in ("utf-8", "ascii", "latin-1", "cp1252"))
CHARSET = re.compile(r";[^;]*\bcharset\b[^=;]*=\s*\"?([^\";]*)\"?[^;]*", re.IGNORECASE)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
CHARACTER_NOT_IN_REPERTOIRE = "22021"
UNTRANSLATABLE_CHARACTER = "22P05"


class UnstorableText(DataError, BadRequest):
    """
    A text that PostgreSQL cannot hold: with a NUL, or with half of a surrogate pair.

    Such a text comes from a client: in a cookie, a query string, a form, a header or a path. So a
    view that does not catch this error is answered with status 400.
    https://docs.djangoproject.com/en/stable/ref/exceptions/#django.core.exceptions.BadRequest
    """


def reject_unstorable_text(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """
    Raise UnstorableText if a parameter of the statement is such a text.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """
    try:
        return execute(sql, params, many, context)
    except UnicodeEncodeError as error:
        raise UnstorableText(f"PostgreSQL cannot hold this text: {error}.") from error
    except DataError as error:
        if _is_about_text(error):
            raise UnstorableText(f"PostgreSQL cannot hold this text: {error}.") from error
        raise


def _is_about_text(error: DataError) -> bool:
    code = getattr(error.__cause__, "sqlstate", None)
    # An error without a code comes from the driver, which checks the parameters.
    is_nul = code is None and "NUL" in str(error)
    return is_nul or code in (CHARACTER_NOT_IN_REPERTOIRE, UNTRANSLATABLE_CHARACTER)


def supported(content_type: str) -> str:
    """
    Return the Content-Type without its charset if that is not one of ``ENCODINGS``.

    Django ignores a charset that Python does not know, and decodes UTF-8.
    """
    match = CHARSET.search(content_type)
    if match is None:
        return content_type
    try:
        is_supported = codecs.lookup(match[1]).name in ENCODINGS
    except (LookupError, ValueError):
        is_supported = False
    return content_type if is_supported else CHARSET.sub("", content_type)


def supported_environ(environ: dict[str, Any]) -> dict[str, Any]:
    """Return WSGI's description of a request with a supported Content-Type."""
    return environ | {"CONTENT_TYPE": supported(environ.get("CONTENT_TYPE", ""))}


def supported_scope(scope: dict[str, Any]) -> dict[str, Any]:
    """Return ASGI's description of a request with a supported Content-Type."""
    headers = [
        (name, supported(value.decode("latin-1")).encode("latin-1"))
        if name.lower() == b"content-type"
        else (name, value)
        for name, value in scope.get("headers", [])
    ]
    return scope | {"headers": headers}
