"""Declaring triggers on models from outside their ``Meta``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from django.apps import apps

from pgtrigger.registry import registered

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    from pgtrigger.triggers import Trigger

    M = TypeVar("M", bound=Model)

__all__ = ["register", "registered"]


def register(*triggers: Trigger) -> Callable[[type[M]], type[M]]:
    """A class decorator that declares the triggers on a model, one of another app's too::

    pgtrigger.register(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))(User)
    """

    def decorate(model: type[M]) -> type[M]:
        for trigger in triggers:
            if apps.models_ready:
                trigger.compile(model)
            trigger.register(model)
        return model

    return decorate
