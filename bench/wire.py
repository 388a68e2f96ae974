"""What goes over the wire, as libpq itself records it: raw cursors hide nothing."""

from __future__ import annotations

import re
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection
from psycopg.pq import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator

_SENT = re.compile(
    r'^F\t\d+\t(?:Query\t "|Parse\t "[^"]*" ")(.*?)"[^"\n]*\n(?=[FB]\t|\Z)',
    re.MULTILINE | re.DOTALL,
)


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that the connection sends meanwhile, there when the block ends.

    https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE
    """
    connection.ensure_connection()
    pgconn = connection.connection.pgconn
    sent: list[str] = []
    with tempfile.TemporaryFile("w+b", buffering=0) as file:
        pgconn.trace(file.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield sent
        finally:
            pgconn.untrace()
            file.seek(0)
            sent += _SENT.findall(file.read().decode(errors="replace"))
