"""``{% pghistory_timeline original as url %}``: where the admin shows an object's timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def pghistory_timeline(context: Any, obj: Any) -> str:
    from pghistory.admin.timeline_pages import timeline_url

    request = context.get("request")
    return timeline_url(obj, request.user) if request is not None and obj is not None else ""


@register.simple_tag(takes_context=True)
def pghistory_events(context: Any, model: Any) -> str:
    """The page of a tracked model's events: ``{% pghistory_events cl.model as url %}``."""
    from pghistory.admin.pages import events_url

    request = context.get("request")
    return events_url(model, request.user) if request is not None else ""


@register.simple_tag(takes_context=True)
def pghistory_deleted(context: Any, model: Any) -> str:
    """The page of deleted objects: ``{% pghistory_deleted cl.model as url %}``."""
    from pghistory.admin.restoring_pages import deleted_url

    request = context.get("request")
    return deleted_url(model, request.user) if request is not None else ""


@register.filter
def pghistory_time(value: Any) -> Any:
    """A time with seconds and time zone; any other value as it is."""
    from pghistory.admin import presenting

    return presenting.time_text(value) if isinstance(value, datetime) else value
