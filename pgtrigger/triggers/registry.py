"""The declared triggers of all models, by URI.

Note [Isolated models]. A test may define models in a separate registry of apps
(``django.test.utils.isolate_apps``). Their triggers are found by URI and by model, so that they
can be installed and ignored, but they are not listed among the project's: commands, migrations
and checks leave them out. They are stored with that registry of apps, and disappear with it.

https://docs.djangoproject.com/en/stable/internals/contributing/writing-code/unit-tests/#isolating-model-registration
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import WeakSet

from django.apps import apps
from django.core import checks

from pgtrigger import naming
from pgtrigger.errors import Declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from django.apps.registry import Apps
    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger
    from pgtrigger.triggers.trigger import Trigger

    M = TypeVar("M", bound=Model)
    # A declared trigger, with the model that declares it.
    Registered = tuple[type[Model], Trigger]


class _Identified(Protocol):
    def get_uri(self, model: type[Model]) -> str: ...

    def get_pgid(self, model: type[Model]) -> str: ...


@dataclass
class _TriggersOfApps:
    """The triggers of the models in one registry of apps."""

    by_uri: dict[str, Registered] = field(default_factory=dict)
    uri_by_key: dict[str, str] = field(default_factory=dict)
    by_model: dict[type[Model], list[Trigger]] = field(default_factory=dict)
    companions: dict[str, list[str]] = field(default_factory=dict)


_ATTRIBUTE = "_pgtrigger_declared"

# Functions that are called when the triggers of a model have changed.
listeners: list[Callable[[type[Model]], None]] = []

_project = _TriggersOfApps()
_isolated: WeakSet[Apps] = WeakSet()


def _beside(model: type[Model]) -> _TriggersOfApps:
    """The triggers that are declared in the model's registry of apps."""
    own_apps = model._meta.apps
    return _project if own_apps is apps else vars(own_apps).get(_ATTRIBUTE, _TriggersOfApps())


def _kept_beside(model: type[Model]) -> _TriggersOfApps:
    """Return the triggers of an isolated registry of apps, which are stored in that registry."""
    own_apps = model._meta.apps
    if own_apps is not apps:
        vars(own_apps).setdefault(_ATTRIBUTE, _TriggersOfApps())
        _isolated.add(own_apps)
    return _beside(model)


def _everywhere() -> Iterator[_TriggersOfApps]:
    """Return those of the project and of each isolated registry of apps that still exists."""
    yield _project
    for isolated in tuple(_isolated):
        yield vars(isolated)[_ATTRIBUTE]


def add(model: type[Model], trigger: Trigger) -> None:
    """Declare the trigger on the model. KeyError if its name is taken."""
    declared = _kept_beside(model)
    if not declared.by_uri:
        checks.register(check_app, checks.Tags.models)
    uri = trigger.get_uri(model)
    if uri in declared.by_uri:
        name = uri.rpartition(":")[2]
        raise KeyError(
            f'Trigger name "{name}" already used for model "{model._meta.label}". '
            "Names are unique within a model."
        )
    key = ignore_key(model, trigger)
    other = declared.uri_by_key.get(key)
    if other not in (None, uri):
        raise KeyError(
            f'The name of trigger "{uri}" on table "{model._meta.db_table}" is already in use by '
            f'"{other}", which differs too little from it. Choose another name.'
        )
    declared.by_uri[uri] = (model, trigger)
    declared.uri_by_key[key] = uri
    declared.by_model.setdefault(model, []).append(trigger)
    _announce(model)
    companions = trigger.companions(model)
    declared.companions[uri] = [companion.get_uri(model) for companion in companions]
    for companion in companions:
        add(model, companion)


def accompany(uri: str, model: type[Model], companion: Trigger) -> None:
    """Declare on another model a trigger that belongs to the rule of this URI, if it is declared.

    It is installed, ignored and removed together with the rule, as those on its own model.
    """
    declared = _beside(model)
    if uri in declared.by_uri:
        add(model, companion)
        declared.companions[uri].append(companion.get_uri(model))


def remove(model: type[Model], trigger: Trigger) -> None:
    """Remove the declaration. Raise KeyError if there is none."""
    uri = trigger.get_uri(model)
    declared = _beside(model)
    if uri not in declared.by_uri:
        find(uri)  # ValueError or KeyError
    _, removed = declared.by_uri.pop(uri)
    declared.uri_by_key.pop(ignore_key(model, trigger), None)
    declared.by_model[model].remove(removed)
    _announce(model)
    for companion in declared.companions.pop(uri, ()):
        if companion in declared.by_uri:
            remove(*declared.by_uri[companion])


def remove_all(model: type[Model]) -> None:
    """Take back every declaration on the model."""
    declared = _beside(model).by_uri
    for uri in [uri for uri, (owner, _) in declared.items() if owner is model]:
        if uri in declared:  # a companion goes with its rule
            remove(*declared[uri])


def find(uri: str) -> Registered:
    """The model and trigger of a URI. ValueError for a bad URI, KeyError for an unknown one."""
    return _declaring(uri).by_uri[uri]


def declared(uri: str) -> Declared | None:
    """Return the message, field and code that the rule of this URI declares, if there is one."""
    try:
        rule: Any = find(uri)[1]
    except (KeyError, ValueError):
        return None
    if not hasattr(rule, "message"):
        return None
    return Declared(rule.message, rule.field or "", rule.code or "")


def _declaring(uri: str) -> _TriggersOfApps:
    naming.validate_uri(uri)
    for declared in _everywhere():
        if uri in declared.by_uri:
            return declared
    raise KeyError(
        f'URI "{uri}" not found in the declared triggers. "manage.py pgtrigger ls" lists them.'
    )


def registered(*uris: str) -> list[Registered]:
    """The declared triggers of these URIs, or all of the project's, each with its model.

    A rule that consists of several triggers stands for all of them.
    """
    if not uris:
        return list(_project.by_uri.values())
    found = [each for uri in uris for each in family(uri)]
    return list({trigger.get_uri(model): (model, trigger) for model, trigger in found}.values())


def family(uri: str) -> list[Registered]:
    """The trigger of a URI and its companions, each with its model."""
    companions = _declaring(uri).companions.get(uri, ())
    return [find(uri), *(found for each in companions for found in family(each))]


def everywhere() -> list[Registered]:
    """All declared triggers, each with its model. See Note [Isolated models]."""
    return [each for declared in _everywhere() for each in declared.by_uri.values()]


def companion_uris() -> set[str]:
    """The URIs of triggers that belong to another rule."""
    return {uri for uris in _project.companions.values() for uri in uris}


def of_model(model: type[Model]) -> list[Trigger]:
    """The triggers declared on this model (not those of its parents or proxies)."""
    return _beside(model).by_model.get(model, [])


def on_table_of(model: type[Model]) -> list[CompiledTrigger]:
    """Return the compiled triggers of the model and of its proxies."""
    return [
        trigger.compile(owner)
        for owner, trigger in _beside(model).by_uri.values()
        if owner._meta.concrete_model is model
    ]


def ignore_key(model: type[Model], trigger: _Identified) -> str:
    """The name of the trigger in the setting ``pgtrigger.ignore``."""
    return naming.ignore_key(model._meta.db_table, trigger.get_pgid(model))


def items() -> Iterator[tuple[str, str]]:
    """Each declared trigger's ignore key and URI."""
    for declared in _everywhere():
        yield from declared.uri_by_key.items()


def _announce(model: type[Model]) -> None:
    """Bring ``Model._meta.triggers`` up to date, and call the listeners.

    It is a new list, because a child may have inherited its parent's.
    """
    model._meta.triggers = list(of_model(model))  # type: ignore[attr-defined]
    for listener in listeners:
        listener(model)


def check_app(**kwargs: Any) -> list[checks.CheckMessage]:
    """Return an error if triggers are declared and the app is not installed.

    It is registered with the first declaration: an app that is not installed has no ``ready()``.
    """
    if apps.is_installed("pgtrigger") or not registered():
        return []
    uris = sorted(_project.by_uri)
    named = ", ".join(uris[:3]) + (", ..." if uris[3:] else "")
    return [
        checks.Error(
            f"Triggers are declared ({named}), but no migration would contain them, because their "
            "app is not installed.",
            hint='Add "pgtrigger" to INSTALLED_APPS.',
            id="pgtrigger.E001",
        )
    ]


def register(*triggers: Trigger) -> Callable[[type[M]], type[M]]:
    """Declare triggers on a model, which may be one of another app: a class decorator.

    For example::

        pgtrigger.register(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))(User)
    """

    def decorate(model: type[M]) -> type[M]:
        for trigger in triggers:
            if apps.models_ready:
                trigger.compile(model)
            trigger.register(model)
        return model

    return decorate
