"""Read the text of a query: its statements, and whether each may be in a transaction.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class _Anything:
    """Contains the first word of every statement that may be wrapped in its own transaction."""

    def __contains__(self, word: object) -> bool:
        return word != ""


# The first words of statements, by what they do. EXPLAIN ANALYZE does what it explains.
WRITES = frozenset(
    {"insert", "update", "delete", "merge", "truncate", "with", "execute", "explain"}
    | {"call", "do", "copy"}
)
ANYTHING = _Anything()
# The code that these run may commit, and then they cannot run inside a transaction.
MAY_COMMIT = frozenset({"call", "do"})

# Statements that are sent as they are. They begin, end or divide a transaction, change settings of
# the session, have no meaning outside the user's own transaction, or cannot run in one, at least
# for some tables.
_ENDS_SETTINGS = frozenset(
    {"begin", "start", "commit", "end", "rollback", "abort", "reset", "discard"}
)
_AS_THEY_ARE = (
    _ENDS_SETTINGS
    | frozenset({"savepoint", "release", "set"})
    | frozenset({"lock", "vacuum", "cluster", "reindex"})
)
_PERHAPS = frozenset({"create", "alter", "drop", "prepare"})
_CONTROL_WORD = re.compile(r"\b(?:begin|start|commit|end|rollback|abort|reset)\b", re.IGNORECASE)

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_TOKEN = re.compile(
    rf"""
    (?P<blank>[\ \t\n\r\f\v]+ | --[^\r\n]*)
    | (?P<comment>/\*)
    | (?P<quoted>
        [eE]'(?:[^'\\]|\\.|'')*+'(?:[ \t\f]*[\r\n]\s*'(?:[^'\\]|\\.|'')*+')*
        | '(?:[^']|'')*+'
        | "(?:[^"]|"")*+"
        | \$(?P<tag>(?:[{_LETTER}][{_LETTER}0-9]*)?)\$.*?\$(?P=tag)\$
    )
    | (?P<word>[{_LETTER}][{_LETTER}0-9$]*)
    | (?P<number>[0-9][{_LETTER}0-9.$]*)
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class ParsedStatement:
    """A statement of a query: its unquoted words in lower case, or at least the first ones."""

    words: tuple[str, ...]

    @functools.cached_property
    def first_word(self) -> str:
        """The first word; "" if the statement must not be wrapped in its own transaction."""
        word = self.words[0]
        return "" if word in _AS_THEY_ARE or self._is_never_in_a_transaction else word

    @property
    def ends_settings(self) -> bool:
        """Return whether settings that are local to the transaction may be gone after it."""
        return self.words[0] in _ENDS_SETTINGS or self.words[:2] == ("prepare", "transaction")

    @property
    def _is_never_in_a_transaction(self) -> bool:
        if self.words[0] not in _PERHAPS:
            return False
        action, *words = (word for word in self.words if word != "unique")
        if action == "prepare":
            return words[:1] == ["transaction"]
        if words[:1] == ["index"]:
            return words[1:2] == ["concurrently"]
        is_detached = words[:1] == ["table"] and {"detach", "concurrently"} <= set(words)
        return is_detached or bool(
            {"database", "system", "tablespace", "subscription"}.intersection(words[:1])
        )


def statements(query: Any) -> Sequence[ParsedStatement]:
    """The statements of a query as it is given to a cursor."""
    text = _text_of(query)
    return _remembered(text) if len(text) <= _MEMORABLE else _read(text)


def _read(text: str) -> Sequence[ParsedStatement]:
    return tuple(_split(text, is_one=";" not in text))


# An application executes the same texts again and again, with other parameters.
_remembered = functools.lru_cache(maxsize=1024)(_read)
_MEMORABLE = 4_000  # characters: a long text, as of bulk_create(), is rarely the same again


def may_control_a_transaction(query: Any) -> bool:
    """Return whether it may begin, end or roll back a transaction, or reset a setting."""
    return _CONTROL_WORD.search(_text_of(query)) is not None


def _text_of(query: Any) -> str:
    text = query.as_string() if isinstance(query, sql.Composable) else query
    return text.decode(errors="replace") if isinstance(text, bytes) else cast("str", text)


def _split(text: str, *, is_one: bool = False) -> Iterator[ParsedStatement]:
    """Split a query into statements. Of a single statement, only the needed words are read.

    A semicolon ends a statement outside parentheses and outside the body of a function, which is
    BEGIN ATOMIC ... END, as in psql.
    """
    words: list[str] = []
    parentheses = blocks = 0
    for kind, token in _tokens(text):
        if kind == "word":
            word = token.lower()
            words.append(word)
            if is_one and words[0] not in _PERHAPS:
                break
            if words[0] == "create" and (word == "begin" or (blocks and word == "case")):
                blocks += 1
            elif blocks and word == "end":
                blocks -= 1
        elif token == "(":
            parentheses += 1
        elif token == ")":
            parentheses -= 1
        elif token == ";" and parentheses <= 0 and not blocks:
            if words:
                yield ParsedStatement(tuple(words))
            words, parentheses = [], 0
    if words:
        yield ParsedStatement(tuple(words))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        kind = cast("str", match.lastgroup)
        if kind == "comment":
            position = _end_of_comment(text, position)
        elif kind in ("word", "other"):
            yield kind, match[0]


def _end_of_comment(text: str, position: int) -> int:
    """The end of a comment that begins before the position. Comments nest."""
    depth = 1
    while depth:
        mark = _COMMENT_MARK.search(text, position)
        if mark is None:
            return len(text)
        depth += 1 if mark[0] == "/*" else -1
        position = mark.end()
    return position
