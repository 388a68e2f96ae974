"""What the admin's addresses name: models by label, objects by key, events by label and number.

What is not there is a 404.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.admin.utils import quote
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse

from pghistory import config
from pghistory.tracking import event_models
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable


def timeline_url(obj: Any, user: Any) -> str:
    """The page of an object's timeline; nothing where there is none, or not for this user."""
    tracked = getattr(obj, "pgh_event_models", None)
    model = config.admin_model()
    permission = f"{model._meta.app_label}.view_{model._meta.model_name}"
    if not tracked or not user.has_perm(permission):
        return ""
    label = next(iter(tracked.values())).pgh_tracked_model._meta.label
    key = key_text(obj.pk) if isinstance(obj.pk, tuple) else str(obj.pk)
    try:
        return reverse("admin:pghistory_timeline", args=[label, quote(key)])
    except NoReverseMatch:
        return ""


def labels() -> list[str]:
    """The tracked models."""
    found = {each.pgh_tracked_model._meta.label for each in event_models.all_event_models()}
    return sorted(found)


def tracked_model(label: str) -> Any:
    if label not in labels():
        raise Http404(f"{label} is not tracked.")
    return apps.get_model(label)


def event(label: str, key: str) -> Any:
    """The event of an event model's label and a key."""
    found = next(
        (each for each in event_models.all_event_models() if each._meta.label == label), None
    )
    is_key = key.isdecimal() and len(key) < 20 and int(key) < 2**63
    if found is None or not is_key:
        raise Http404(f"There is no event {label}:{key}.")
    return get_object_or_404(found, pk=int(key))


def unsaved(model: Any, key: str) -> Any:
    """An object of that key, whether or not there is a row of it."""
    parts = inheritance.composite_key(model)
    try:
        if not parts:
            return model(pk=_value(model._meta.pk, key))
        values = json.loads(key)
        if not isinstance(values, list):
            raise TypeError
        pairs = zip(parts, values, strict=True)
        return model(**{part.attname: _value(part, value) for part, value in pairs})
    except (ValidationError, ValueError, TypeError, RecursionError):
        raise Http404(f"{key!r} is no key of {model._meta.label}.") from None


def _value(field: Any, given: Any) -> Any:
    """What a field holds, of text or a scalar of JSON that PostgreSQL can hold too."""
    if not isinstance(given, str | int | float):
        raise TypeError
    text = str(given)
    text.encode()  # JSON may have half a character
    if "\0" in text:
        raise ValueError
    return field.to_python(text)


def object_key(event: Any) -> str | None:
    """The key of the object that an event is about, as timelines have it; None for no object."""
    if getattr(type(event), "pgh_obj", None) is None:
        return None
    parts = inheritance.composite_key(event.pgh_tracked_model)
    if parts:
        return key_text(getattr(event, part.attname) for part in parts)
    return None if event.pgh_obj_id is None else str(event.pgh_obj_id)


def key_text(parts: Iterable[Any]) -> str:
    """A composite key."""
    return json.dumps(list(parts), cls=DjangoJSONEncoder)
