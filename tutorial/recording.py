"""Record the statements of a scenario, and PostgreSQL's answers."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from psycopg import Connection, Error

from tutorial.private_tables import PrivateConnection

WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE")

DIAGNOSTICS = {
    "sqlstate": "SQLSTATE",
    "message_primary": "message",
    "message_detail": "detail",
    "message_hint": "hint",
    "schema_name": "schema",
    "table_name": "table",
    "column_name": "column",
    "constraint_name": "constraint",
    "context": "context",
}


def diagnostics(error: BaseException | None) -> dict[str, str]:
    """Return the fields of a database error that PostgreSQL filled, by name; else an empty dict.

    https://www.postgresql.org/docs/current/protocol-error-fields.html
    """
    while error is not None and not isinstance(error, Error):
        error = error.__cause__
    if error is None:
        return {}
    found = {name: getattr(error.diag, attribute) for attribute, name in DIAGNOSTICS.items()}
    return {name: value for name, value in found.items() if value}


@dataclass(frozen=True)
class Statement:
    """One statement: its text with the parameters in place, and the answer to it."""

    line: int | None
    text: str
    milliseconds: float
    tag: str = ""
    refusal: dict[str, str] = field(default_factory=dict)
    is_lookup: bool = False
    """Whether the trigger engine reads PostgreSQL's catalog with it."""

    @property
    def answer(self) -> str:
        """PostgreSQL's command tag, such as `UPDATE 1`, or why it refused."""
        if self.refusal:
            return f"{self.refusal['SQLSTATE']} {self.refusal['message']}"
        return self.tag

    @property
    def detail(self) -> dict[str, Any]:
        """The refusal's detail where a rule of the trigger engine wrote it; else empty."""
        try:
            detail = json.loads(self.refusal.get("detail", ""))
        except ValueError:
            return {}
        return detail if isinstance(detail, dict) else {}


def line_within(code: CodeType) -> int | None:
    """The line of `code` that is running now, however deep below it we are."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else None


def _is_sent_by_engine() -> bool:
    """Return whether the engine's modules that read and change triggers are sending a statement."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith("pgtrigger.database"):
            return True
        frame = frame.f_back
    return False


class Recorder:
    """Add what a connection sends while `code` runs to `statements`.

    It listens at the driver: to the statements of Django, those that the trigger engine adds, and
    where transactions begin and end. `after_write(line)` is called after each write.
    """

    def __init__(
        self,
        connection: PrivateConnection,
        code: CodeType,
        statements: list[Statement],
        after_write: Callable[[int | None], None] = lambda line: None,
    ):
        self.connection = connection
        self.code = code
        self.after_write = after_write
        self.statements = statements
        self.is_listening = False

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Every statement inside the block, and where Django begins and ends transactions."""
        driver = self.connection.connection
        cursor_factory, driver.cursor_factory = driver.cursor_factory, self._cursor_class(driver)
        self.connection.announce = self._note
        self.is_listening = True
        try:
            yield
        finally:
            self.is_listening = False
            driver.cursor_factory = cursor_factory
            del self.connection.announce

    def _cursor_class(self, driver: Connection[Any]) -> Any:
        recorder = self

        class RecordingCursor(driver.cursor_factory):  # type: ignore[misc, name-defined]
            def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
                if not recorder.is_listening:
                    return super().execute(query, params, **kwargs)
                with recorder._note(self.mogrify(query, params), self):
                    return super().execute(query, params, **kwargs)

            def executemany(self, query: Any, params_seq: Any, **kwargs: Any) -> Any:
                with recorder._note(f"{query}  -- for many sets of parameters", self):
                    return super().executemany(query, params_seq, **kwargs)

        return RecordingCursor

    @contextmanager
    def _note(self, text: str, cursor: Any = None) -> Iterator[None]:
        line, began, refusal, tag = line_within(self.code), time.perf_counter(), {}, ""
        try:
            yield
            tag = getattr(cursor, "statusmessage", None) or ""
        except Exception as error:
            refusal = diagnostics(error)
            raise
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            is_lookup = tag.startswith("SELECT") and _is_sent_by_engine()
            self.statements.append(Statement(line, text, milliseconds, tag, refusal, is_lookup))
        if tag.startswith(WRITES):
            self.is_listening = False
            try:
                self.after_write(line)
            finally:
                self.is_listening = True
