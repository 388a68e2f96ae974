"""Run a chapter's scenario, and keep what it printed, sent and changed."""

import io
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from pghistory.admin.writes import Group
from tutorial.busy import is_busy
from tutorial.chapters import Chapter
from tutorial.private_tables import private_tables
from tutorial.recording import Recorder, Statement, diagnostics, line_within
from tutorial.tables import Frame, compare, only_changes, read_table
from tutorial.timeline import event_models, read_history

# What differs between two runs of one scenario.
_MASKS = (
    (re.compile(r"object \(\d+\)"), "object (…)"),
    (re.compile(r'"id" ?: \d+'), '"id": …'),
    (re.compile(r"\bplay_[0-9a-f]+"), "play_…"),
    (re.compile(r"_[0-9a-f]{5}_[0-9a-f]{20}\(\) line \d+"), "_…() line …"),
)


@dataclass
class Printed:
    """Text that was printed at a line, when this many statements had been sent."""

    line: int | None
    text: str
    statements: int


@dataclass
class ChapterRun:
    """One run: what was printed and sent, by line of the module, and how it ended."""

    chapter: Chapter
    printed: list[Printed] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    error: Exception | None = None
    error_line: int | None = None
    frames: list[Frame] = field(default_factory=list)
    history: dict[str, list[Group]] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """The text of a terminal: what was printed, then the error that ended the run, if any."""
        return "".join(each.text for each in self.printed) + self.error_text

    @property
    def error_text(self) -> str:
        """The last lines of the traceback, or nothing if the run did not end with an error."""
        if self.error is None:
            return ""
        return "".join(traceback.format_exception_only(self.error))

    @property
    def shown_statements(self) -> list[Statement]:
        """The statements without the engine's own lookups in PostgreSQL's catalog."""
        return [statement for statement in self.statements if not statement.is_lookup]

    @property
    def lookups(self) -> int:
        """The number of statements that are not shown."""
        return len(self.statements) - len(self.shown_statements)

    @property
    def refusals(self) -> list[tuple[int | None, Statement]]:
        """The statements that PostgreSQL refused, each with its line in the code, from 1."""
        return [
            (self.chapter.line_of_code(statement.line), statement)
            for statement in self.statements
            if statement.refusal
        ]

    @property
    def error_fields(self) -> dict[str, str]:
        """The fields of the error that ended it, as PostgreSQL reported them."""
        return diagnostics(self.error)


def mask(output: str) -> str:
    """Return the output without what differs from one run to the next."""
    for pattern, replacement in _MASKS:
        output = pattern.sub(replacement, output)
    return output


def run_chapter(chapter: Chapter) -> ChapterRun:
    """Run the chapter's scenario, and leave nothing of it in the database.

    It runs as in a shell: what is set for the request that asked for it, such as the user that
    history attaches to each event, is not set for the scenario.
    """
    return Context().run(_run, chapter)


def _run(chapter: Chapter) -> ChapterRun:
    result = ChapterRun(chapter)
    code = chapter.run.__code__
    with private_tables(chapter.models) as connection:
        changes = _RowChanges(chapter)
        recorder = Recorder(connection, code, result.statements, after_write=changes.read)
        with recorder.recording(), _printing_to(result, code):
            try:
                chapter.run()
            except Exception as error:
                if is_busy(error):
                    raise
                result.error = error
                result.error_line = _line_of(error, code)
        changes.read(None)
        result.history = {
            model.__name__: read_history(model) for model in chapter.models if event_models(model)
        }
        result.frames = changes.frames
    return result


class _RowChanges:
    """Frames of the chapter's tables: as they were, and after each statement that changed one."""

    def __init__(self, chapter: Chapter):
        self.chapter = chapter
        self.tables = {
            table: read_table(table)
            for model in chapter.models
            for table in (model, *event_models(model))
        }
        self.frames = [Frame(None, tuple(self.tables.values()))]

    def read(self, line: int | None) -> None:
        """Add a frame if a row differs from what was last read."""
        now = {model: read_table(model) for model in self.tables}
        changed = only_changes(compare(self.tables[model], now[model]) for model in now)
        self.tables = now
        if changed:
            self.frames.append(Frame(self.chapter.line_of_code(line), changed))


def _line_of(error: BaseException, code: CodeType) -> int | None:
    lines = traceback.walk_tb(error.__traceback__)
    return next((line for frame, line in lines if frame.f_code is code), None)


class _Transcript:
    """The output of one run, with the line that printed it."""

    def __init__(self, result: ChapterRun, code: CodeType):
        self.result, self.code = result, code

    def write(self, text: str) -> None:
        line, statements = line_within(self.code), len(self.result.statements)
        last = self.result.printed[-1] if self.result.printed else None
        if last and (last.line, last.statements) == (line, statements):
            last.text += text
        else:
            self.result.printed.append(Printed(line, text, statements))


# The output of the run in this context; None in any other context.
_transcript: ContextVar[_Transcript | None] = ContextVar("transcript", default=None)


class _Output(io.TextIOBase):
    """A standard output that gives each run its own text. Any other text goes where it went."""

    def __init__(self, elsewhere: Any):
        self.elsewhere = elsewhere
        self.runs = 0

    def write(self, text: str) -> int:
        transcript = _transcript.get()
        if transcript is None:
            return int(self.elsewhere.write(text))
        transcript.write(text)
        return len(text)

    def flush(self) -> None:
        self.elsewhere.flush()


# Held only while sys.stdout is replaced, which belongs to the whole process.
_replacing = threading.Lock()


@contextmanager
def _printing_to(result: ChapterRun, code: CodeType) -> Iterator[Any]:
    """Keep what this context prints. Any number of runs can print at once."""
    with _replacing:
        output = sys.stdout if isinstance(sys.stdout, _Output) else _Output(sys.stdout)
        output.runs += 1
        sys.stdout = output
    token = _transcript.set(_Transcript(result, code))
    try:
        yield
    finally:
        _transcript.reset(token)
        with _replacing:
            output.runs -= 1
            if not output.runs and sys.stdout is output:
                sys.stdout = output.elsewhere
