"""The present point in time of queries. See Note [Transaction variables]."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Protocol

from django.apps import apps
from psycopg import sql

from pghistory.past import schemas
from pgtrigger import naming
from pgtrigger.session import statements
from pgtrigger.session.statements import ANYTHING
from pgtrigger.session.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.models import Model


class PastError(RuntimeError):
    """The past cannot be read in this way, or cannot be written."""


class PointInTime(Protocol):
    """A scope that shows a point in time on some databases."""

    time: datetime
    aliases: frozenset[str]
    reads: Any


def _render(found: PointInTime, alias: str) -> str | None:
    return found.time.isoformat() if alias in found.aliases else None


class _PastTime(Variable):
    """The variable of the time. While it is set, nothing can be written."""

    def check(self, value: PointInTime, alias: str, query: Any) -> None:
        if alias not in value.aliases:
            return
        if _writes(query):
            raise PastError(
                f"Inside as_of({text(value.time)}) the past is read, and nothing can be written. "
                "Write after the block."
            )
        for model in _models_with_a_schema():
            if naming.table_identifier(model._meta.db_table).as_string() in _text(query):
                raise PastError(
                    f"The table of {model._meta.label} has a schema in its name, "
                    f"{model._meta.db_table}, so a query finds today's rows: as_of() cannot read "
                    "it. Read it outside of the block, or set the schema in search_path."
                )


variable = _PastTime(schemas.TIME, _render, statements=ANYTHING)


def current() -> PointInTime | None:
    """The scope that is open here and now."""
    found: PointInTime | None = variable.get()
    return found


def text(time: Any) -> str:
    """The time as errors show it."""
    return f"{time:%Y-%m-%d %H:%M:%S %Z}"


_WRITES = frozenset(
    {"insert", "update", "delete", "merge", "truncate", "create", "alter", "drop", "copy"}
)
# Statements that may write although their first word does not say so.
_MAY_WRITE = frozenset({"with", "explain"})
_WRITING = re.compile(
    r"\b(?:insert\s+into|update\s+(?:only\s+)?[\w\"]|delete\s+from|merge\s+into)", re.IGNORECASE
)


def _models_with_a_schema() -> Iterator[type[Model]]:
    return (
        model
        for model in apps.get_models(include_auto_created=True)
        if naming.split_table(model._meta.db_table)[0]
    )


def _text(query: Any) -> str:
    text = query.as_string() if isinstance(query, sql.Composable) else query
    return text.decode(errors="replace") if isinstance(text, bytes) else text


def _writes(query: Any) -> bool:
    first_words = {statement.words[0] for statement in statements.statements(query)}
    if first_words & _WRITES:
        return True
    if not first_words & _MAY_WRITE:
        return False
    return _WRITING.search(_text(query)) is not None
