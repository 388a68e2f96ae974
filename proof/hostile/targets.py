"""Functions that a fuzzer calls with bytes. Each raises for anything but a documented answer.

They need a database with the ledger's tables, in which ``prepare`` has written some rows.
"""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError, ValidationError
from django.db import Error, connection, models, transaction

import pghistory
import pgtrigger
from pghistory.writing import metadata
from pgtrigger import naming
from pgtrigger.vocabulary.columns import Rows
from proof.hostile.drawing import Drawing
from proof.ledger.models import EveryKind
from tutorial.exercises import parsing

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 2  # after which an answer is too late

# What Django and the engine raise for a lookup or a value that does not fit the field.
NOT_A_CONDITION = (ValueError, TypeError, FieldError, ValidationError, OverflowError)

FIELDS = tuple(field.name for field in EveryKind._meta.local_fields)
LOOKUPS = (
    *("", "exact", "iexact", "in", "gt", "gte", "lt", "lte", "range", "isnull", "contains"),
    *("icontains", "startswith", "endswith", "regex", "iregex", "df", "ndf", "year", "date__gt"),
    *("month__in", "a", "a__b", "0__gt", "has_key", "has_any_keys", "contained_by", "nothing"),
)


class WrongAnswer(Exception):
    """Not the documented answer."""


targets: dict[str, Callable[[bytes], None]] = {}


def target(function: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """Register a function by its name."""
    targets[function.__name__] = function
    return function


def prepare() -> None:
    """Write rows for conditions to be true or false of."""
    EveryKind.objects.all().delete()
    for number in range(40):
        drawing = Drawing(bytes([number * 7 % 256, number * 11 % 256, number]) * 20)
        values: dict[str, Any] = {"long": "%"}
        for name in FIELDS[1:]:
            try:
                with transaction.atomic():
                    value = drawing.value()
                    EveryKind.objects.create(**{**values, name: value})
                    values[name] = value
            except (*NOT_A_CONDITION, Error):
                continue


@target
def conditions(data: bytes) -> None:
    """A condition selects the rows that Django's filter selects, or both refuse it."""
    drawing = Drawing(data)
    try:
        ours, django = _condition(drawing, depth=3)
    except NOT_A_CONDITION:
        return
    row = Rows(old="t", new="t")
    try:
        rendered = ours.render(EveryKind, row)
    except NOT_A_CONDITION:
        return
    found = _selected(f"SELECT t.id FROM ledger_everykind t WHERE {rendered}")
    try:
        with transaction.atomic():
            expected: Any = set(EveryKind.objects.filter(django).values_list("pk", flat=True))
    except (*NOT_A_CONDITION, Error) as error:
        expected = error
    if isinstance(expected, set) and expected != found and not _is_ours_alone(ours):
        differing = sorted(found ^ expected)[:5] if isinstance(found, set) else found
        raise WrongAnswer(f"{ours!r}\n{rendered}\ndiffering: {differing}")


def _condition(drawing: Drawing, depth: int) -> tuple[pgtrigger.Q, models.Q]:
    kind = drawing.byte() % 4 if depth else 0
    if kind == 0:
        path, value = _lookup(drawing)
        side = drawing.one_of(("old", "new"))
        if isinstance(value, models.F):
            return pgtrigger.Q(**{f"{side}__{path}": pgtrigger.F(f"{side}__{value.name}")}), (
                models.Q(**{path: value})
            )
        return pgtrigger.Q(**{f"{side}__{path}": value}), models.Q(**{path: value})
    if kind == 1:
        ours, django = _condition(drawing, depth - 1)
        return ~ours, ~django
    (a, b), (c, d) = _condition(drawing, depth - 1), _condition(drawing, depth - 1)
    return (a & c, b & d) if kind == 2 else (a | c, b | d)


def _lookup(drawing: Drawing) -> tuple[str, Any]:
    path = "__".join(filter(None, (drawing.one_of(FIELDS), drawing.one_of(LOOKUPS))))
    if drawing.byte() % 4 == 0:
        return path, models.F(drawing.one_of(FIELDS))
    value = drawing.value()
    if path.startswith("data") and value is None:
        # Django's filter leaves out NULL in ~Q(data=None), the only lookup whose negation is not
        # its complement there.
        return "data__isnull", True
    return path, value


def _is_ours_alone(condition: Any) -> bool:
    """Return whether it has a lookup that Django's filter does not have."""
    return "df'" in repr(condition) or "ndf" in repr(condition)


def _selected(query: str) -> Any:
    """Return the keys that a query selects, or PostgreSQL's error."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(query)
            return {row[0] for row in cursor.fetchall()}
    except Error as error:
        return error.__cause__


@target
def uris(data: bytes) -> None:
    """A text is a URI or raises ValueError; a URI is registered or raises LookupError."""
    text = data.decode("utf-8", "surrogateescape")
    for function in (naming.validate_uri, pgtrigger.registered, pgtrigger.ignore):
        try:
            function(text)
        except (ValueError, LookupError):
            continue


@target
def exercises(data: bytes) -> None:
    """An answer to an exercise is a list of declarations, or raises AnswerError, in time."""
    text = data.decode("utf-8", "replace")
    begun = time.monotonic()
    for variable, names in (
        ("triggers", parsing.TRIGGERS),
        ("trackers", parsing.TRACKERS),
        ("rules", parsing.REFINEMENTS),
    ):
        try:
            answer = parsing.parse(text, variable, names)
        except parsing.AnswerError as error:
            if not str(error).strip():
                raise WrongAnswer("an error without a text") from error
        else:
            if not isinstance(answer, list):
                raise WrongAnswer(f"{answer!r} is not a list")
    if time.monotonic() - begun > SECONDS:
        raise WrongAnswer(f"{time.monotonic() - begun:.1f} s")


@target
def contexts(data: bytes) -> None:
    """Metadata are stored as they were given, or raise MetadataError or TypeError."""
    drawing = Drawing(data)
    given = {f"key{drawing.text()}": drawing.value(4) for _ in range(drawing.byte() % 3 + 1)}
    try:
        text = metadata.encode(given)
    except (metadata.MetadataError, TypeError):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [text])
        (stored,) = cursor.fetchone()
    if not _same(json.loads(stored), json.loads(text)):
        raise WrongAnswer(f"given {given!r}, stored {stored}")


def _same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same. 1e308 and 10**308 are the same in jsonb."""
    if isinstance(one, float) or isinstance(other, float):
        return type(other) in (int, float) and math.isclose(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


@target
def open_contexts(data: bytes) -> None:
    """A context that was opened reaches the database, and is closed again."""
    drawing = Drawing(data)
    given = {f"key{number}": drawing.value() for number in range(drawing.byte() % 3 + 1)}
    try:
        with pghistory.context(**given), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('pghistory.context_metadata', true)")
            cursor.execute("UPDATE ledger_account SET orders_count = orders_count WHERE false")
            cursor.execute("SELECT current_setting('pghistory.context_metadata', true)")
            (sent,) = cursor.fetchone()
    except (metadata.MetadataError, TypeError):
        return
    if json.loads(sent).keys() != given.keys():
        raise WrongAnswer(f"given {given!r}, sent {sent}")
