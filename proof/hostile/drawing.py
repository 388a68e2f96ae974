"""Values made of bytes, so that a fuzzer that changes bytes changes values."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Choice = TypeVar("Choice")

TEXTS = (
    *("", " ", "a", "A", "%", "_", "\\", "'", '"', "$$", "--", "/*", ";", "%s", "{}", "\0"),
    *(
        "\ud800",
        "é",
        "🦊",
        "NULL",
        "null",
        "0",
        "-1",
        "1e999",
        "NaN",
        "pk",
        "old",
        "new__",
        "(",
        "[",
    ),
)
NUMBERS = (0, 1, -1, 7, 2**31 - 1, 2**31, -(2**63), 2**63, 10**40)
DAY = datetime.date(2026, 1, 31)


class Drawing:
    """Reads values from bytes. When these are used up, every value is the simplest one."""

    def __init__(self, data: bytes) -> None:
        self._bytes = iter(data)
        self.rest = data

    def byte(self) -> int:
        """Return a number below 256."""
        return next(self._bytes, 0)

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """Return one of the choices."""
        return choices[self.byte() % len(choices)]

    def text(self) -> str:
        """Return a text of up to four parts, some of which are syntax somewhere."""
        return "".join(self.one_of(TEXTS) for _ in range(self.byte() % 4 + 1))

    def number(self) -> int:
        """Return an integer, also one that fits into no column."""
        return self.one_of(NUMBERS)

    def value(self, depth: int = 2) -> Any:
        """Return a value of a kind that a condition or metadata may be given."""
        kinds: list[Callable[[], Any]] = [
            *(lambda: None, lambda: True, lambda: False, self.number, self.text),
            lambda: float(self.one_of(("0", "-0.0", "1.5", "inf", "nan", "1e308"))),
            lambda: decimal.Decimal(self.one_of(("0", "1.5", "1e30", "NaN", "-0"))),
            lambda: DAY + datetime.timedelta(days=self.byte()),
            lambda: datetime.datetime.combine(DAY, datetime.time(self.byte() % 24), datetime.UTC),
            lambda: datetime.timedelta(seconds=self.number() % 10**9),
            lambda: uuid.UUID(int=self.byte()),
            lambda: bytes([self.byte()]),
        ]
        if depth:
            kinds += [
                lambda: [self.value(depth - 1) for _ in range(self.byte() % 4)],
                lambda: {self.text(): self.value(depth - 1) for _ in range(self.byte() % 3)},
            ]
        return self.one_of(kinds)()
