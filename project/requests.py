"""Return status 400, not 500, if Django cannot decode or PostgreSQL cannot store a request."""

import codecs
import re
from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.db import DataError

# A client may name any codec of Python as the charset. Django decodes the query string and the body
# with it before any middleware runs. Some codecs are not for text, and some raise UnicodeError.
ENCODINGS = frozenset(codecs.lookup(name).name for name in ("utf-8", "ascii", "latin-1", "cp1252"))
CHARSET = re.compile(r";[^;]*\bcharset\b[^=;]*=\s*\"?([^\";]*)\"?[^;]*", re.IGNORECASE)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
CHARACTER_NOT_IN_REPERTOIRE = "22021"
UNTRANSLATABLE_CHARACTER = "22P05"


class UnstorableText(DataError, BadRequest):
    """
    A text that PostgreSQL cannot store, because it contains NUL or half of a surrogate pair.

    Such a text comes from a client, in a cookie, a query string, a form, a header or a path. So the
    error is also a BadRequest: if a view does not catch it, Django answers with status 400.
    https://docs.djangoproject.com/en/stable/ref/exceptions/#django.core.exceptions.BadRequest
    """


def reject_unstorable_text(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """
    Execute a statement. Raise UnstorableText if PostgreSQL cannot store one of its parameters.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """
    try:
        return execute(sql, params, many, context)
    except UnicodeEncodeError as error:
        raise UnstorableText(f"PostgreSQL cannot store this text: {error}.") from error
    except DataError as error:
        if _is_about_text(error):
            raise UnstorableText(f"PostgreSQL cannot store this text: {error}.") from error
        raise


def _is_about_text(error: DataError) -> bool:
    code = getattr(error.__cause__, "sqlstate", None)
    # An error without a code comes from the driver, which checks the parameters.
    is_nul = code is None and "NUL" in str(error)
    return is_nul or code in (CHARACTER_NOT_IN_REPERTOIRE, UNTRANSLATABLE_CHARACTER)


def supported(content_type: str) -> str:
    """
    Return the Content-Type, without the charset if the charset is not one of ``ENCODINGS``.

    Without a charset, Django decodes UTF-8, as it does for a charset that Python does not know.
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
    """Return the WSGI environ, with a Content-Type whose charset is supported."""
    return environ | {"CONTENT_TYPE": supported(environ.get("CONTENT_TYPE", ""))}


def supported_scope(scope: dict[str, Any]) -> dict[str, Any]:
    """Return the ASGI scope, with a Content-Type whose charset is supported."""
    headers = [
        (name, supported(value.decode("latin-1")).encode("latin-1"))
        if name.lower() == b"content-type"
        else (name, value)
        for name, value in scope.get("headers", [])
    ]
    return scope | {"headers": headers}
