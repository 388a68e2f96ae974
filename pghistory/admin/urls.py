"""Look up what the admin's addresses name: models by label, objects by key, events by number.

An address that names something unknown is a 404.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme

from pghistory.config import settings
from pghistory.tracking.event_models import all_event_models as event_models_of_project
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest


def may_view_events(tracked: Any, user: Any) -> bool:
    """Return whether the user may view Events, and the model is tracked."""
    options = settings.admin_model._meta
    permission = f"{options.app_label}.view_{options.model_name}"
    return bool(getattr(tracked, "pgh_event_models", None)) and user.has_perm(permission)


def tracked_label(tracked: Any) -> str:
    """Return the label of the tracked model that a model is, or that it stands for."""
    return str(next(iter(tracked.pgh_event_models.values())).pgh_tracked_model._meta.label)


def event_models(tracked: str, event_model: str) -> list[Any] | None:
    """The event models that the labels choose, in any case of letters; None if they choose none.

    A tracked model that is unknown chooses none.
    """
    every = event_models_of_project()
    found = [each for each in every if _is(each.pgh_tracked_model, tracked)] or every
    if event_model:
        found = [each for each in found if _is(each, event_model)]
        if not found:
            raise Http404(f"{event_model} is not an event model of {tracked or 'this project'}.")
    return None if found == every else found


def _is(model: Any, label: str) -> bool:
    return bool(model._meta.label_lower == label.lower())


def named_object(name: str) -> Any:
    """The object of ``app_label.Model:key``, which may be gone."""
    label, separator, key = name.partition(":")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        model = None
    if model is None or not separator:
        raise Http404(f"obj={name!r}: expected app_label.Model:key.")
    return unsaved(model, key)


def own_path(request: HttpRequest, address: str) -> str:
    """The address, if it is one of this site."""
    is_own = url_has_allowed_host_and_scheme(address, request.get_host(), request.is_secure())
    return address if is_own else ""


def labels() -> list[str]:
    """The tracked models."""
    found = {each.pgh_tracked_model._meta.label for each in event_models_of_project()}
    return sorted(found)


def tracked_model(label: str) -> Any:
    """Return the tracked model of a label."""
    try:
        model: Any = apps.get_model(label)
    except (LookupError, ValueError):
        model = None
    if "pgh_event_models" not in vars(model or object) or label != model._meta.label:
        raise Http404(f"{label} is not tracked.")
    return model


def event(label: str, key: str) -> Any:
    """The event of an event model's label and a key."""
    found = next((each for each in event_models_of_project() if each._meta.label == label), None)
    is_key = key.isdecimal() and len(key) < 20 and int(key) < 2**63
    if found is None or not is_key:
        raise Http404(f"There is no event {label}:{key}.")
    return get_object_or_404(found, pk=int(key))


def unsaved(model: Any, key: str) -> Any:
    """Return an unsaved instance with this key; the row may be gone."""
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
        raise Http404(f"{key!r} is not a key of {model._meta.label}.") from None


def _value(field: Any, given: Any) -> Any:
    """Return the field's value of a text or a JSON scalar, if PostgreSQL can store it."""
    if not isinstance(given, str | int | float):
        raise TypeError
    text = str(given)
    text.encode()  # JSON may have half a character
    if "\0" in text:
        raise ValueError
    return field.to_python(text)


def live(event: Any) -> Any:
    """The row that an event is about, None if it is gone or the event does not say which it is."""
    return live_row(event.pgh_tracked_model, object_key(event))


def live_row(model: Any, key: str | None) -> Any:
    """The row of a key as timelines have it, None if there is none."""
    if key is None:
        return None
    return model._base_manager.filter(pk=unsaved(model, key).pk).first()


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
