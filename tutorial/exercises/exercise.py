"""An exercise: its task, the writes that judge an answer, and what became of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from tutorial.exercises import parsing

PASSES = "passes"
REFUSED = "is refused"
AT_COMMIT = "is refused at COMMIT"
REPORTED = "is reported"


@dataclass(frozen=True)
class Write:
    """A write and what should happen to it.

    Args:
        operation: INSERT, UPDATE, DELETE, TRUNCATE, or SAVE: the row is read, somebody else
            updates it with `others`, and then it is saved. Of an exercise about a history also
            PRUNE: the row gets an event of each age in `days`, and old events are removed; and
            EVENT: an event that was there before the answer.
        before: The values of the row, or of the EVENT and its context, beforehand.
        after: The values that are written.
        expected: PASSES, REFUSED, AT_COMMIT, REPORTED, the name of an exception, the values of the
            row afterwards (names may follow a foreign key), Sets, Keeps, or a list of the events
            that were written: their labels, or an Event for each.
        is_ignoring: Whether `pgtrigger.ignore()` applies.
        others: The values that somebody else writes.
    """

    operation: str
    expected: Any
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    is_ignoring: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)
    days: Sequence[int] = ()


@dataclass(frozen=True)
class Sets:
    """The expectation that the database gives a field another value than the one written."""

    field: str


@dataclass(frozen=True)
class Keeps:
    """The expectation that the events of these ages are still there."""

    days: Sequence[int]

    def __str__(self) -> str:
        ages = [f"{days}" for days in self.days]
        return f"keeps the events that are {', '.join(ages)} days old" if ages else "keeps no event"


@dataclass(frozen=True)
class Event:
    """The expectation of one event, with everything in it that is about the row."""

    label: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        return f"{self.label} ({values or 'without a value'})"


@dataclass(frozen=True)
class Exercise:
    """A task, and the writes that judge an answer.

    `kind` is what is declared: triggers, trackers, histories (one call of `track()`), erasures
    (calls of `erase()`) or rules (of `refine_integrity_error`). `rows` are there before the writes,
    each with its model and values.
    """

    task: str
    model: type[models.Model]
    hint: str
    solution: str
    writes: Sequence[Write]
    kind: str = "triggers"
    rows: Sequence[tuple[type[models.Model], Mapping[str, Any]]] = ()
    exceptions: tuple[str, ...] = ()

    @property
    def empty(self) -> str:
        """The answer to begin with."""
        return f"{self.kind} = [\n]\n"

    @property
    def names(self) -> Mapping[str, Any]:
        """Return the names that an answer may use."""
        if self.kind == "triggers":
            return parsing.TRIGGERS
        if self.kind == "trackers":
            return parsing.TRACKERS
        if self.kind == "histories":
            return parsing.HISTORIES
        if self.kind == "erasures":
            return {
                **parsing.ERASURES,
                self.model.__name__: parsing.Callee(self.model, ("pk",)),
            }
        own = {name: type(name, (Exception,), {}) for name in self.exceptions}
        return {**parsing.REFINEMENTS, self.model.__name__: self.model, **own}


@dataclass(frozen=True)
class Outcome:
    """A write as a row of the verdict."""

    write: Write
    happened: str
    is_right: bool
    message: str = ""

    @property
    def expected(self) -> str:
        return as_text(self.write.expected)


@dataclass(frozen=True)
class Verdict:
    """The outcomes of all writes, or the error that kept the answer from being judged."""

    outcomes: Sequence[Outcome] = ()
    error: str = ""

    @property
    def wrong(self) -> list[Outcome]:
        """The writes that should have ended otherwise."""
        return [outcome for outcome in self.outcomes if not outcome.is_right]

    @property
    def is_solved(self) -> bool:
        return not self.error and not self.wrong


def as_text(expected: Any) -> str:
    """Return what is expected or happened, as the end of a sentence that begins with "It"."""
    if isinstance(expected, Sets):
        return f"sets {expected.field}"
    if isinstance(expected, dict):
        values = ", ".join(f"{name}={value!r}" for name, value in expected.items())
        return f"leaves {values}"
    if isinstance(expected, list):
        events = ", ".join(map(str, expected))
        return f"writes the events {events}" if expected else "writes no event"
    if isinstance(expected, Keeps):
        return str(expected)
    if expected in (PASSES, REFUSED, AT_COMMIT, REPORTED) or " " in expected:
        return str(expected)
    return f"raises {expected}"
