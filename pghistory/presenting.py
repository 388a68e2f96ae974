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
    """Some events, newest first, and where the older ones begin (nothing: there are none)."""

    events: list[Shown]
    next_key: str


def page(events: QuerySet[Any], key: str) -> Page:
    """The events before ``key``, which is the ``next_key`` of the page before, or nothing.

    A page is found by key and not by number, so the last one costs no more than the first.
    """
    ordered = events.order_by("-pgh_created_at", "-pgh_id")
    found = list(ordered.filter(_before(key))[: PAGE_SIZE + 1])
    shown, more = found[:PAGE_SIZE], found[PAGE_SIZE:]
    last = shown[-1] if more else None
    next_key = f"{last.pgh_created_at.isoformat()}_{last.pgh_id}" if last else ""
    users = _users(shown)
    return Page([_shown(event, users) for event in shown], next_key)


def _before(key: str) -> Q:
    time_text, _separator, id_text = key.rpartition("_")
    try:
        time, last_id = datetime.fromisoformat(time_text), int(id_text)
    except ValueError:
        return Q()
    if time.tzinfo is None or not 0 <= last_id < 2**63:
        return Q()
    return Q(pgh_created_at__lt=time) | Q(pgh_created_at=time, pgh_id__lt=last_id)


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
