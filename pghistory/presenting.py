"""Events as a page shows them: who made each, in which context, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

PAGE_SIZE = 50


@dataclass(frozen=True)
class Shown:
    """An event as it is shown; ``changes`` are (field, before, after)."""

    event: Any
    author: str
    context: list[tuple[str, Any]]
    changes: list[tuple[str, Any, Any]] = field(default_factory=list)
    values: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """Some events, and where the next page begins (nothing: there is none)."""

    events: list[Shown]
    next_key: str


def page(events: QuerySet[Any], key: str, ordering: str = "-pgh_created_at") -> Page:
    """The events after ``key``, which is the ``next_key`` of the page before, or nothing.

    In the order of their times a page is found by the last event of the one before, so that the
    last page costs no more than the first. In any other order it is found by its number.
    """
    if ordering.lstrip("-") == "pgh_created_at":
        tie = ordering.replace("pgh_created_at", "pgh_id")
        ordered, start = events.filter(_beyond(key, ordering)).order_by(ordering, tie), 0
    else:
        start = int(key) if key.isdecimal() and len(key) < 10 else 0
        ordered = events.order_by(ordering, "-pgh_created_at", "-pgh_id")
    found = list(ordered[start : start + PAGE_SIZE + 1])
    shown, has_more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    users = _users(shown)
    next_key = _next_key(shown[-1], ordering, start) if has_more else ""
    return Page([_shown(event, users) for event in shown], next_key)


def _next_key(last: Any, ordering: str, start: int) -> str:
    if ordering.lstrip("-") == "pgh_created_at":
        return f"{last.pgh_created_at.isoformat()}_{last.pgh_id}"
    return str(start + PAGE_SIZE)


def _beyond(key: str, ordering: str) -> Q:
    """That an event comes after the one of the key; anything, where that is no key."""
    time_text, _separator, id_text = key.rpartition("_")
    try:
        time, last_id = datetime.fromisoformat(time_text), int(id_text)
    except ValueError:
        return Q()
    if time.tzinfo is None or not 0 <= last_id < 2**63:
        return Q()
    later = "lt" if ordering.startswith("-") else "gt"
    return Q((f"pgh_created_at__{later}", time)) | Q(
        ("pgh_created_at", time), (f"pgh_id__{later}", last_id)
    )


def _shown(event: Any, users: dict[Any, Any]) -> Shown:
    said = event.pgh_context if isinstance(event.pgh_context, dict) else {}
    titles = _titles(event.pgh_model)
    diff, data = event.pgh_diff or {}, event.pgh_data or {}
    return Shown(
        event=event,
        author=_author(said, users),
        context=[(key, value) for key, value in said.items() if key != "user"],
        changes=[(titles.get(name, name), *change) for name, change in diff.items()],
        values=[(titles.get(name, name), value) for name, value in data.items()],
    )


def _author(said: dict[str, Any], users: dict[Any, Any]) -> str:
    key = said.get("user")
    if key is None:
        return str(said.get("database_role", ""))
    found = users.get(str(key))
    return found.get_username() if found else str(key)


def _users(events: Iterable[Any]) -> dict[Any, Any]:
    """The users whom the events' contexts name, by key as text."""
    model = get_user_model()
    keys = set()
    for event in events:
        said = event.pgh_context if isinstance(event.pgh_context, dict) else {}
        try:
            key = model._meta.pk.to_python(said.get("user"))
        except (ValidationError, TypeError, ValueError):
            continue
        if key is not None and not (isinstance(key, int) and abs(key) >= 2**31):
            keys.add(key)
    found = model._base_manager.filter(pk__in=keys)
    return {str(user.pk): user for user in found}


def _titles(label: str) -> dict[str, Any]:
    """What the columns of an event model are called."""
    try:
        model = apps.get_model(label)
    except LookupError:
        return {}
    return {str(each.column): each.verbose_name for each in model._meta.concrete_fields}
