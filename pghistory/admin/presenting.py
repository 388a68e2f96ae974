"""Events as a page shows them: who made each, in which context, and what it changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Q
from django.utils import dateformat, timezone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet

PAGE_SIZE = 50

# In the order of time. Events of several tables may have the same time and the same number.
_KEY = ("pgh_created_at", "pgh_id", "pgh_slug")


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
    """A page of events, and the key of the next page ("" after the last)."""

    events: list[Shown]
    next_key: str


def page(
    events: QuerySet[Any],
    key: str,
    ordering: Sequence[str] = ("-pgh_created_at",),
    size: int | None = None,
) -> Page:
    """Return the events after ``key``, which is the ``next_key`` of the previous page, or "".

    In the order of time, a page is found by the last event of the previous one, so that the last
    page costs no more than the first. In any other order it is found by its number.
    """
    sign = "-" if ordering[0].startswith("-") else ""
    in_time = [f"{sign}{name}" for name in _KEY]
    is_by_key = list(ordering) == in_time[: len(ordering)]
    if is_by_key:
        ordered, start = events.filter(_beyond(key, sign)).order_by(*in_time), 0
    else:
        start = int(key) if key.isdecimal() and len(key) < 10 else 0
        ordered = events.order_by(*ordering, *(f"-{name}" for name in _KEY))
    size = size or PAGE_SIZE
    found = list(ordered[start : start + size + 1])
    of_page, has_more = found[:size], len(found) > size
    next_key = ""
    if has_more:
        next_key = _key(of_page[-1]) if is_by_key else str(start + size)
    return Page(shown(of_page), next_key)


def shown(events: Iterable[Any]) -> list[Shown]:
    """The events as they are shown, in their order."""
    events = list(events)
    users = _users(events)
    return [_shown(event, users) for event in events]


def authors(events: Iterable[Any]) -> list[str]:
    """Return the author of each event; empty if the context does not name one."""
    events = list(events)
    users = _users(events)
    return [_author(said(event), users) for event in events]


def time_text(value: datetime) -> str:
    """A time with seconds and time zone."""
    local = timezone.localtime(value) if timezone.is_aware(value) else value
    return str(dateformat.format(local, "Y-m-d H:i:s T"))


def _key(event: Any) -> str:
    return f"{event.pgh_created_at.isoformat()}_{event.pgh_slug}"


def _beyond(key: str, sign: str) -> Q:
    """Return a filter for the events after ``key``; no filter if the key is malformed."""
    time_text, _separator, slug = key.partition("_")
    id_text = slug.rpartition(":")[2]
    try:
        time, last_id = datetime.fromisoformat(time_text), int(id_text)
    except ValueError:
        return Q()
    if timezone.is_aware(time) != settings.USE_TZ or not 0 <= last_id < 2**63 or "\0" in slug:
        return Q()
    beyond = "lt" if sign else "gt"
    later = Q((f"pgh_created_at__{beyond}", time))
    same_time = Q(pgh_created_at=time)
    later_id = Q((f"pgh_id__{beyond}", last_id))
    same_id = Q(("pgh_id", last_id), (f"pgh_slug__{beyond}", slug))
    # An index is not used for OR, so a condition on the time alone says where to start.
    start = Q((f"pgh_created_at__{beyond}e", time))
    return start & (later | (same_time & (later_id | same_id)))


def _shown(event: Any, users: dict[Any, Any]) -> Shown:
    claimed = said(event)
    titles = _titles(event.pgh_model)
    diff = event.pgh_diff or {}
    diff = {"": (None, diff)} if isinstance(diff, str) else diff  # as in `held`
    return Shown(
        event=event,
        author=_author(claimed, users),
        context=[(key, value) for key, value in claimed.items() if key != "user"],
        changes=[(titles.get(name, name), *change) for name, change in diff.items()],
        values=[(titles.get(name, name), value) for name, value in held(event).items()],
    )


def held(event: Any) -> dict[str, Any]:
    """Return the values of the event by column; the column is "" if Python cannot read the JSON."""
    data: dict[str, Any] | str = event.pgh_data or {}
    return {"": data} if isinstance(data, str) else data


def said(event: Any) -> dict[str, Any]:
    """Return the metadata of the event's context; empty if its row is gone."""
    try:
        context = event.pgh_context
    except ObjectDoesNotExist:
        return {}
    metadata = getattr(context, "metadata", context)
    return metadata if isinstance(metadata, dict) else {}


def _author(claimed: dict[str, Any], users: dict[Any, Any]) -> str:
    key = claimed.get("user")
    if key is None:
        return str(claimed.get("database_role", ""))
    found = users.get(str(key))
    return found.get_username() if found else str(key)


def _users(events: Iterable[Any]) -> dict[Any, Any]:
    """The users whom the events' contexts name, by key as text."""
    model = get_user_model()
    keys = set()
    for event in events:
        try:
            key = model._meta.pk.to_python(said(event).get("user"))
        except (ValidationError, TypeError, ValueError):
            continue
        if key is not None and not (isinstance(key, int) and abs(key) >= 2**31):
            keys.add(key)
    found = model._base_manager.filter(pk__in=keys)
    return {str(user.pk): user for user in found}


def _titles(label: str) -> dict[str, Any]:
    """Return the titles of an event model's columns."""
    try:
        model = apps.get_model(label)
    except LookupError:
        return {}
    return {str(each.column): each.verbose_name for each in model._meta.concrete_fields}
