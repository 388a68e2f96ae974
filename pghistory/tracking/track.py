"""``track``: history, declared on a model."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from pghistory.tracking.event_models import create_event_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    from pghistory.vocabulary.trackers import Tracker

    M = TypeVar("M", bound=Model)


def track(*trackers: Tracker, **options: Any) -> Callable[[type[M]], type[M]]:
    """A class decorator that makes an event model, and triggers that fill it::

        @pghistory.track()
        class Order(models.Model): ...

    Without trackers those of ``PGHISTORY_DEFAULT_TRACKERS`` are used: each insert and each update
    that changes something. The options are those of ``create_event_model()``. The event model is
    in the module and the app of the model, ``OrderEvent`` here; on the model are ``events``,
    ``pgh_event_model`` and ``pgh_event_models``, the event model by label.
    """
    related_name = options.pop("related_name", None)
    if related_name:
        from pghistory.vocabulary.field_options import ObjForeignKey

        options["obj_field"] = ObjForeignKey(related_name=related_name)

    def decorate(model: type[M]) -> type[M]:
        event_model = create_event_model(model, *trackers, abstract=False, **options)
        setattr(sys.modules[event_model.__module__], event_model.__name__, event_model)
        return model

    return decorate
