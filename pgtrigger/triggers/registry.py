"""The declared triggers of all models, by URI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from django.apps import apps

from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model

    from pgtrigger.triggers.trigger import Trigger

    M = TypeVar("M", bound=Model)


class _Named(Protocol):
    def get_uri(self, model: type[Model]) -> str: ...

    def get_pgid(self, model: type[Model]) -> str: ...


_by_uri: dict[str, tuple[type[Model], Trigger]] = {}
_uri_by_key: dict[str, str] = {}
_companions: dict[str, list[str]] = {}
_by_model: dict[type[Model], list[Trigger]] = {}
# Functions that are called when the triggers of a model have changed.
listeners: list[Callable[[type[Model]], None]] = []


def add(model: type[Model], trigger: Trigger) -> None:
    """Declares the trigger on the model. KeyError where its name is taken."""
    uri = trigger.get_uri(model)
    if uri in _by_uri and not _redeclared(model, uri):
        name = uri.rpartition(":")[2]
        raise KeyError(
            f'Trigger name "{name}" already used for model "{model._meta.label}". '
            "Names are unique within a model."
        )
    key = ignore_key(model, trigger)
    other = _uri_by_key.get(key)
    if other not in (None, uri):
        raise KeyError(
            f'The name of trigger "{uri}" on table "{model._meta.db_table}" is already in use by '
            f'"{other}", which differs too little from it. Choose another name.'
        )
    _by_uri[uri] = (model, trigger)
    _uri_by_key[key] = uri
    _forget(model)
    companions = trigger.companions(model)
    _companions[uri] = [companion.get_uri(model) for companion in companions]
    for companion in companions:
        add(model, companion)


def remove(model: type[Model], trigger: Trigger) -> None:
    """Takes the declaration back. KeyError where there is none."""
    uri = trigger.get_uri(model)
    find(uri)
    del _by_uri[uri]
    _uri_by_key.pop(ignore_key(model, trigger), None)
    _forget(model)
    for companion in _companions.pop(uri, ()):
        if companion in _by_uri:
            remove(*_by_uri[companion])


def find(uri: str) -> tuple[type[Model], Trigger]:
    """The model and trigger of a URI. ValueError for a bad URI, KeyError for an unknown one."""
    naming.validate_uri(uri)
    try:
        return _by_uri[uri]
    except KeyError:
        raise KeyError(
            f'URI "{uri}" not found in the declared triggers. "manage.py pgtrigger ls" lists them.'
        ) from None


def registered(*uris: str) -> list[tuple[type[Model], Trigger]]:
    """The declared triggers of these URIs, or all of them, each with its model.

    A rule that consists of several triggers stands for all of them.
    """
    if not uris:
        return list(_by_uri.values())
    return list({id(found[1]): found for uri in uris for found in family(uri)}.values())


def family(uri: str) -> list[tuple[type[Model], Trigger]]:
    """The trigger of a URI and its companions, each with its model."""
    return [find(uri), *(found for each in _companions.get(uri, ()) for found in family(each))]


def of_model(model: type[Model]) -> list[Trigger]:
    """The triggers declared on this model (not those of its parents or proxies)."""
    if model not in _by_model:
        _by_model[model] = [
            trigger for declared_on, trigger in _by_uri.values() if declared_on is model
        ]
    return _by_model[model]


def ignore_key(model: type[Model], trigger: _Named) -> str:
    """How the setting ``pgtrigger.ignore`` names the trigger."""
    return naming.ignore_key(model._meta.db_table, trigger.get_pgid(model))


def items() -> Iterator[tuple[str, str]]:
    """Each declared trigger's ignore key and URI."""
    return iter(_uri_by_key.items())


def _forget(model: type[Model]) -> None:
    _by_model.clear()
    for listener in listeners:
        listener(model)


def _redeclared(model: type[Model], uri: str) -> bool:
    """Return whether the model's class was replaced because its module was loaded again."""
    declared_on, _ = _by_uri[uri]
    return declared_on is not model and declared_on._meta.apps is not model._meta.apps


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
