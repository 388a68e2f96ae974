"""What a scenario sent to Postgres, and what Postgres answered."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Error, sql

# The savepoint that stands for a transaction. See Note [Rehearsal] in stages.py.
SAVEPOINT = "rehearsed_transaction"

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
    """The fields of a database error that Postgres filled, by name; none where it is not one.

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

    @property
    def answer(self) -> str:
        """Postgres' command tag, such as `UPDATE 1`, or why it refused."""
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
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else None


class Recorder:
    """Notes what a connection sends while `code` runs, and lets it pass.

    https://docs.djangoproject.com/en/stable/topics/db/instrumentation/
    """

    def __init__(self, connection: BaseDatabaseWrapper, code: CodeType):
        self.connection = connection
        self.code = code
        self.statements: list[Statement] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Every statement inside the block, and where Django begins and ends transactions."""
        commands = {
            "_set_autocommit": lambda autocommit: "" if autocommit else "BEGIN",
            "_commit": lambda: "COMMIT",
            "_rollback": lambda: "ROLLBACK",
        }
        methods = {name: getattr(self.connection, name) for name in commands}
        overridden = {name: name in vars(self.connection) for name in commands}
        for name, command in commands.items():
            setattr(self.connection, name, self._noted(methods[name], command))
        try:
            with self.connection.execute_wrapper(self._wrapper):
                yield
        finally:
            for name, method in methods.items():
                if overridden[name]:
                    setattr(self.connection, name, method)
                else:
                    delattr(self.connection, name)

    def _wrapper(
        self, execute: Callable[..., Any], query: Any, params: Any, many: bool, context: Any
    ) -> Any:
        text = self._text(query, params, many)
        if text.endswith(f" {SAVEPOINT}"):
            return execute(query, params, many, context)
        with self._note(text, context["cursor"]):
            return execute(query, params, many, context)

    def _noted(self, method: Callable[..., None], command: Callable[..., str]) -> Any:
        def noted(*args: Any) -> None:
            text = command(*args)
            if not text:
                return method(*args)
            with self._note(text):
                return method(*args)

        return noted

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
            self.statements.append(Statement(line, text, milliseconds, tag, refusal))

    def _text(self, query: Any, params: Any, many: bool) -> str:
        if isinstance(query, sql.Composable):
            query = query.as_string(self.connection.connection)
        if many:
            return f"{query}  -- for each of {len(params)} sets of parameters"
        return self.connection.ops.compose_sql(query, params) if params else query
