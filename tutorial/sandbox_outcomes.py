"""The outcome of one step in a sandbox: its SQL, rows and events, and the error in Python."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import models

import pgtrigger
from tutorial.private_tables import PrivateConnection
from tutorial.recording import Recorder, Statement
from tutorial.tables import Frame, TableChanges, changes_by_table, compare, only_changes, read_table
from tutorial.timeline import drawn, event_models, read_history

# The attributes of an error that are shown, if they are not empty.
ATTRIBUTES = (
    *("trigger", "operation", "key", "field", "fields", "old", "new", "version", "based_on"),
    *("message", "code"),
)


@dataclass
class StepOutcome:
    """The effects of a step. `error` is the exception that ended it, as lines of text."""

    statements: list[Statement] = field(default_factory=list)
    tables: list[TableChanges] = field(default_factory=list)
    timelines: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    returned: str = ""
    error: list[tuple[str, str]] = field(default_factory=list)

    @property
    def shown_statements(self) -> list[Statement]:
        """The statements without the engine's own lookups in PostgreSQL's catalog."""
        return [statement for statement in self.statements if not statement.is_lookup]


@contextmanager
def observed(
    connection: PrivateConnection, shown: Sequence[type[models.Model]]
) -> Iterator[StepOutcome]:
    """Record what the block sends and writes. An exception is left to the caller."""
    outcome = StepOutcome()
    tables = [table for model in shown for table in (model, *event_models(model))]
    before = [read_table(model) for model in tables]
    # No code of a chapter runs here, so there are no lines to record.
    recorder = Recorder(connection, observed.__code__, outcome.statements)
    with recorder.recording():
        yield outcome
    changed = only_changes(
        compare(table, read_table(model)) for table, model in zip(before, tables, strict=True)
    )
    outcome.tables = changes_by_table([Frame(None, tuple(before)), Frame(None, changed)])
    outcome.timelines = [
        (model.__name__, drawn(groups)) for model in shown if (groups := read_history(model))
    ]


def in_python(error: BaseException) -> list[tuple[str, str]]:
    """Return the exception's class, its attributes and its cause, each as name and text."""
    lines = [("raises", type(error).__name__)]
    if isinstance(error, pgtrigger.TriggerError):
        values = {name: getattr(error, name, None) for name in ATTRIBUTES}
        lines += [(f"error.{name}", repr(value)) for name, value in values.items() if value]
    if error.__cause__ is not None:
        lines.append(("because of", type(error.__cause__).__name__))
    return lines
