"""``{% pghistory_timeline original as url %}``: where the admin shows an object's timeline."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag(takes_context=True)
def pghistory_timeline(context: Any, obj: Any) -> str:
    from pghistory.admin import timeline_url

    request = context.get("request")
    return timeline_url(obj, request.user) if request is not None and obj is not None else ""


@register.simple_tag(takes_context=True)
def pghistory_events(context: Any, model: Any) -> str:
    """The page of a tracked model's events: ``{% pghistory_events cl.model as url %}``."""
    from pghistory.admin import events_url

    request = context.get("request")
    return events_url(model, request.user) if request is not None else ""
