"""Export a timeline as CSV or JSON lines, page by page, so that memory does not limit its length.

https://docs.djangoproject.com/en/stable/howto/outputting-csv/#streaming-large-csv-files
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder

from pghistory.admin import presenting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from django.http import HttpRequest

    from pghistory.admin.presenting import Shown

PAGE = 500
COLUMNS = ("time", "event", "label", "model", "object", "user", "context", "changes", "data")
# A spreadsheet treats a cell that begins with one of these as a formula.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Format:
    suffix: str
    content_type: str
    head: str
    line: Callable[[dict[str, Any]], str]


def lines(events: Any, chosen: Format) -> Iterator[str]:
    """Yield the text of the file, a page of events at a time, the oldest first."""
    yield chosen.head
    key = ""
    while True:
        page = presenting.page(events, key, ["pgh_created_at"], PAGE)
        yield "".join(chosen.line(_row(shown)) for shown in page.events)
        key = page.next_key
        if not key:
            return


def as_stream(request: HttpRequest, text: Iterator[str]) -> Iterable[str] | AsyncIterator[str]:
    """Return the text as an iterator that fits the server: asynchronous for ASGI."""
    return _asynchronous(text) if isinstance(request, ASGIRequest) else text


async def _asynchronous(text: Iterator[str]) -> AsyncIterator[str]:
    while (part := await sync_to_async(lambda: next(text, None))()) is not None:
        yield part


def _row(shown: Shown) -> dict[str, Any]:
    event = shown.event
    values = (event.pgh_created_at.isoformat(), event.pgh_slug, event.pgh_label)
    about = (event.pgh_obj_model, event.pgh_obj_id, shown.author)
    known = (dict(shown.context), event.pgh_diff or {}, event.pgh_data or {})
    return dict(zip(COLUMNS, (*values, *about, *known), strict=True))


def _json_line(row: dict[str, Any]) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False) + "\n"


def _csv_line(row: dict[str, Any]) -> str:
    return _csv([_cell(value) for value in row.values()])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(cells: Iterable[str]) -> str:
    found = io.StringIO()
    csv.writer(found).writerow(cells)
    return found.getvalue()


FORMATS = {
    "csv": Format("csv", "text/csv", _csv(COLUMNS), _csv_line),
    "json": Format("jsonl", "application/jsonl", "", _json_line),
}
