"""What the text of a statement tells: what it does, and whether it may be in a transaction."""

from __future__ import annotations

import re
from typing import Any, cast

from psycopg import sql

# The first words of statements, by what they do.
WRITES = frozenset({"insert", "update", "delete", "merge", "truncate", "with"})
READS = frozenset({"select", "values", "table"})
DEFINITIONS = frozenset({"create", "alter", "drop", "comment"})

_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)"
_FIRST_WORD = re.compile(rf"(?:{_BLANK}|\()*([a-z]+)", re.IGNORECASE | re.DOTALL)
_NEVER_IN_A_TRANSACTION = re.compile(
    rf"{_BLANK}*(?:create|alter|drop){_BLANK}+(?:unique{_BLANK}+)?"
    rf"(?:database|system|tablespace|subscription|index{_BLANK}+concurrently)\b",
    re.IGNORECASE | re.DOTALL,
)

_TRANSACTION_CONTROL = re.compile(
    r"\b(?:begin|start|commit|end|rollback|abort|reset)\b", re.IGNORECASE
)


def text_of(query: Any) -> str:
    """A query as it is given to a cursor, as text."""
    text = query.as_string(None) if isinstance(query, sql.Composable) else query
    return text.decode() if isinstance(text, bytes) else cast("str", text)


def first_word(query: Any) -> str:
    """Of a statement that may be in a transaction, in lower case; else nothing."""
    text = text_of(query)
    found = _FIRST_WORD.match(text)
    word = found.group(1).lower() if found else ""
    return "" if word in DEFINITIONS and _NEVER_IN_A_TRANSACTION.match(text) else word


def may_be_several(query: Any) -> bool:
    """Whether it may be more than one statement."""
    return ";" in text_of(query)


def may_control_a_transaction(query: Any) -> bool:
    """Whether something in it may begin, end or take back a transaction, or reset a setting."""
    return _TRANSACTION_CONTROL.search(text_of(query)) is not None
