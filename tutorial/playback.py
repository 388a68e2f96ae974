"""Playing a chapter's scenario, and what there was to see."""

import io
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import Context
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from tutorial.chapters import Chapter
from tutorial.private_tables import private_tables
from tutorial.recording import Recorder, Statement, diagnostics, line_within
from tutorial.tables import Frame, compare, only_changes, read_table
from tutorial.timeline import Event, event_models, read_history

# What differs between two plays of one scenario: sequences survive a rollback, schemas are new.
_MASKS = (
    (re.compile(r"object \(\d+\)"), "object (…)"),
    (re.compile(r'"id" ?: \d+'), '"id": …'),
    (re.compile(r"\bplay_[0-9a-f]+"), "play_…"),
    (re.compile(r"_[0-9a-f]{5}_[0-9a-f]{20}\(\) line \d+"), "_…() line …"),
)


@dataclass
class Play:
    """One performance: what was printed and sent, by line, and how it ended."""

    chapter: Chapter
    printed: list[tuple[int | None, str]] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    error: Exception | None = None
    error_line: int | None = None
    frames: list[Frame] = field(default_factory=list)
    history: dict[str, list[Event]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """What a terminal shows: the text printed, then the error that ended it, if one did."""
        return "".join(text for _, text in self.printed) + self.error_text

    @property
    def error_text(self) -> str:
        if self.error is None:
            return ""
        return "".join(traceback.format_exception_only(self.error))

    @property
    def refusals(self) -> list[tuple[int | None, Statement]]:
        """The statements that Postgres refused, each with its line in the code, from 1."""
        first = self.chapter.first_line
        return [
            (None if statement.line is None else statement.line - first + 1, statement)
            for statement in self.statements
            if statement.refusal
        ]

    @property
    def error_fields(self) -> dict[str, str]:
        """The fields of the error that ended it, as Postgres reported them."""
        return diagnostics(self.error)


def mask(output: str) -> str:
    """The output without what differs from one play to the next."""
    for pattern, replacement in _MASKS:
        output = pattern.sub(replacement, output)
    return output


def play(chapter: Chapter) -> Play:
    """Run the chapter's scenario for real, and leave nothing of it in the database.

    It runs as in a shell: what is set for the request that asked for it, such as the user that
    history attaches to each event, is not set for the scenario.
    """
    return Context().run(_perform, chapter)


def _perform(chapter: Chapter) -> Play:
    performance = Play(chapter)
    code = chapter.run.__code__
    with private_tables(chapter.models) as connection:
        camera = _Camera(chapter)
        recorder = Recorder(connection, code, after_write=camera.look)
        with recorder.recording(), _printing_to(performance.printed, code):
            try:
                chapter.run()
            except Exception as error:
                performance.error = error
                performance.error_line = _line_of(error, code)
        camera.look(None)
        performance.history = {
            model.__name__: read_history(model) for model in chapter.models if event_models(model)
        }
        performance.statements = recorder.statements
        performance.frames = camera.frames
    return performance


class _Camera:
    """Frames of the chapter's tables: as they were, and after each statement that changed one."""

    def __init__(self, chapter: Chapter):
        self.first_line = chapter.first_line
        self.tables = {
            table: read_table(table)
            for model in chapter.models
            for table in (model, *event_models(model))
        }
        self.frames = [Frame(None, tuple(self.tables.values()))]

    def look(self, line: int | None) -> None:
        now = {model: read_table(model) for model in self.tables}
        changed = only_changes(compare(self.tables[model], now[model]) for model in now)
        self.tables = now
        if changed:
            number = None if line is None else line - self.first_line + 1
            self.frames.append(Frame(number, changed))


def _line_of(error: BaseException, code: CodeType) -> int | None:
    lines = traceback.walk_tb(error.__traceback__)
    return next((line for frame, line in lines if frame.f_code is code), None)


class _Transcript(io.TextIOBase):
    """A standard output that keeps what its own thread writes, with the line that wrote it."""

    def __init__(self, printed: list[tuple[int | None, str]], code: CodeType):
        self.printed, self.code = printed, code
        self.thread, self.elsewhere = threading.get_ident(), sys.stdout

    def write(self, text: str) -> int:
        if threading.get_ident() != self.thread:
            return self.elsewhere.write(text)
        self.printed.append((line_within(self.code), text))
        return len(text)


# sys.stdout is the process's, so plays of one process take turns.
_one_at_a_time = threading.Lock()


@contextmanager
def _printing_to(printed: list[tuple[int | None, str]], code: CodeType) -> Iterator[Any]:
    with _one_at_a_time, redirect_stdout(_Transcript(printed, code)):
        yield
