"""What the text of a statement tells: what it does, and whether it may be in a transaction."""

from __future__ import annotations

import re
from typing import Any, cast

from psycopg import sql


class _Anything:
    """The first word of whatever may get a transaction of its own."""

    def __contains__(self, word: object) -> bool:
        return word != ""


# The first words of statements, by what they do. EXPLAIN ANALYZE does what it explains.
WRITES = frozenset(
    {"insert", "update", "delete", "merge", "truncate", "with", "execute", "explain"}
)
ANYTHING = _Anything()

# To begin, end or divide a transaction, or to change the session's settings; what needs the
# user's own transaction to mean something; what PostgreSQL refuses in one, always or for some
# tables; and COPY, whose data follow and do not pass through a pipeline.
_AS_THEY_ARE = (
    frozenset({"begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"})
    | frozenset({"set", "reset", "discard"})
    | frozenset({"lock", "vacuum", "cluster", "reindex", "copy"})
)
_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
_FIRST_WORD = re.compile(rf"(?:{_BLANK}|\()*([a-z]+)", re.IGNORECASE | re.DOTALL)
_NEVER_IN_A_TRANSACTION = re.compile(
    rf"{_BLANK}*(?:(?:create|alter|drop){_BLANK}+(?:unique{_BLANK}+)?"
    rf"(?:database|system|tablespace|subscription|index{_BLANK}+concurrently)"
    rf"|alter{_BLANK}+table\b.*\bdetach\b.*\bconcurrently"
    rf"|prepare{_BLANK}+transaction)\b",
    re.IGNORECASE | re.DOTALL,
)
_PERHAPS = frozenset({"create", "alter", "drop", "prepare"})

_TRANSACTION_CONTROL = re.compile(
    r"\b(?:begin|start|commit|end|rollback|abort|reset)\b", re.IGNORECASE
)


def text_of(query: Any) -> str:
    """A query as it is given to a cursor, as text."""
    text = query.as_string(None) if isinstance(query, sql.Composable) else query
    return text.decode() if isinstance(text, bytes) else cast("str", text)


def first_word(query: Any) -> str:
    """Of a statement that may get a transaction of its own, in lower case; else nothing."""
    text = text_of(query)
    if text.startswith("SELECT "):  # as most do: seen at a glance
        return "select"
    found = _FIRST_WORD.match(text)
    word = found.group(1).lower() if found else ""
    alone = word in _AS_THEY_ARE or (word in _PERHAPS and _NEVER_IN_A_TRANSACTION.match(text))
    return "" if alone else word


def may_be_several(query: Any) -> bool:
    """Whether it may be more than one statement."""
    return ";" in text_of(query)


def may_control_a_transaction(query: Any) -> bool:
    """Whether something in it may begin, end or take back a transaction, or reset a setting."""
    return _TRANSACTION_CONTROL.search(text_of(query)) is not None
