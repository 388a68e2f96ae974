"""The database's part of ``ignore()``: two settings, and the check in each function.

https://www.postgresql.org/docs/current/runtime-config-custom.html
"""

from __future__ import annotations

import functools

from psycopg import sql
from psycopg.adapt import PyFormat, Transformer

# The triggers that are ignored, by their keys, in an array.
IGNORE_SETTING = "pgtrigger.ignore"
# If all triggers but a few are ignored, those few.
IGNORE_ALL_BUT_SETTING = "pgtrigger.ignore_all_but"


@functools.lru_cache(maxsize=16)
def array(keys: frozenset[str]) -> str:
    """Return ``{table:trigger,trigger}``, which functions of the PyPI package read, too."""
    names = [name for key in sorted(keys) for name in (key, key.rpartition(":")[2])]
    return _array_literal(names)


def check(key: str, leave: str) -> str:
    """Return the statements that ``leave`` a function if the trigger of this key is ignored."""
    return _CHECK.format(
        key=sql.Literal(key),
        escaped=sql.Literal(_array_literal([key])[1:-1]),
        leave=sql.SQL(leave),
    ).as_string()


def _array_literal(texts: list[str]) -> str:
    """Return an array as PostgreSQL writes it.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    dumper = Transformer().get_dumper(texts, PyFormat.TEXT)
    return bytes(dumper.dump(texts) or b"").decode()


# Usually nothing is ignored, and reading one setting shows that. If all triggers but a few are
# ignored, the array of those few is searched, because the array of all others may be long. The
# search for the text is fast and excludes most triggers; the comparison is exact.
_CHECK = sql.SQL(
    """\
    IF pg_catalog.current_setting('pgtrigger.ignore', true) OPERATOR(pg_catalog.<>) '' THEN
        IF (
            pg_catalog.current_setting('pgtrigger.ignore_all_but', true)
                OPERATOR(pg_catalog.<>) ''
            AND {key} OPERATOR(pg_catalog.<>) ALL (
                pg_catalog.current_setting('pgtrigger.ignore_all_but', true)::pg_catalog.text[]
            )
        ) OR (
            pg_catalog.strpos(pg_catalog.current_setting('pgtrigger.ignore', true), {escaped})
                OPERATOR(pg_catalog.>) 0
            AND {key} OPERATOR(pg_catalog.=) ANY (
                pg_catalog.current_setting('pgtrigger.ignore', true)::pg_catalog.text[]
            )
        )
        THEN
            {leave}
        END IF;
    END IF;"""
)
