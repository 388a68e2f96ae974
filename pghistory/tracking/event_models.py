"""Event models: a table of events beside each tracked model, with copies of its fields."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.backends.utils import names_digest
from django.db.migrations.state import StateApps

import pgtrigger
from pghistory.config import settings
from pghistory.tracking import field_copies
from pghistory.utils import JSONField
from pghistory.vocabulary import field_options, inheritance, masking
from pghistory.vocabulary.constants import DEFAULT, Default
from pghistory.writing import event_trigger
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pghistory.vocabulary.trackers import Tracker

STRICT = "strict"

# The beginnings of the names of the indexes that an event table is given.
INDEXES = ("pgh_timeline", "pgh_created_at", "pgh_xact")
CONTEXT_MODEL = "pghistory.Context"


def create_event_model(
    model: type[models.Model],
    *trackers: Tracker,
    fields: Iterable[str] | None = None,
    exclude: Iterable[str] | None = None,
    obj_field: field_options.ObjForeignKey | Default | None = DEFAULT,
    context_field: field_options.ContextForeignKey
    | field_options.ContextJSONField
    | Default
    | None = DEFAULT,
    context_id_field: field_options.ContextUUIDField | Default | None = DEFAULT,
    append_only: bool | str | Default = DEFAULT,
    keep: timedelta | Default | None = DEFAULT,
    mask: Iterable[str] = (),
    with_: Iterable[str] = (),
    model_name: str | None = None,
    app_label: str | None = None,
    base_model: type[models.Model] | None = None,
    attrs: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    level: pgtrigger.Level | None = None,
    abstract: bool = True,
) -> Any:
    """Create an event model of ``model``: an abstract base, or a concrete one if not ``abstract``.

    ``fields`` or ``exclude`` choose what an event holds, all fields by default. ``obj_field``,
    ``context_field`` and ``context_id_field`` say how ``pgh_obj``, ``pgh_context`` and
    ``pgh_context_id`` are declared; None leaves them out. ``append_only`` refuses changes of
    events; ``"strict"`` lets nobody ignore that. ``keep`` is how long ``manage.py pghistory prune``
    and ``partition`` keep events, PGHISTORY_KEEP by default, None for ever. ``attrs`` and ``meta``
    go into the class. Without ``app_label``, a class that inherits an abstract event model is
    in the app of its module.

    ``level`` is PGHISTORY_LEVEL by default. Both levels give the same events, unless another AFTER
    trigger at row level updates the changed row again: statement-level triggers run after it, so
    the event of its update comes first. Choose ``pgtrigger.Row`` for such a table. Triggers of one
    level run in the order of their names: give the other one a name after ``pgtrigger_<label>``.

    ``mask`` are fields of which an event records only that an update changed them, in a column such
    as ``pgh_password_changed``. ``with_`` are many-to-many fields and reverse relations whose rows,
    when added or removed, are in the object's timeline too.

    Raises:
        ValueError: The model does not have one of the fields, or it cannot be masked.
    """
    if model._meta.abstract:
        raise ValueError(
            f"{model.__name__} is abstract, so it has no rows: track the models that inherit it."
        )
    if append_only not in (True, False, STRICT, DEFAULT):
        raise ValueError(f'append_only={append_only!r}: expected True, False or "{STRICT}".')
    if keep not in (None, DEFAULT) and not (isinstance(keep, timedelta) and keep > timedelta(0)):
        raise ValueError(f"keep={keep!r}: expected a positive timedelta, or None for ever.")
    fields = None if fields is None else list(fields)
    base = base_model or settings.base_model
    chosen = field_copies.names(model, fields, exclude)
    masked = field_copies.masked(model, chosen, mask)
    names = [name for name in chosen if name not in masked]
    if isinstance(with_, str):
        raise ValueError(f"{model.__name__}: found with_={with_!r}, expected a list of relations.")
    own_attrs: dict[str, Any] = {
        "__module__": model.__module__,
        "pgh_tracked_model": model,
        "pgh_trackers": tuple(trackers) or _default_trackers(),
        "pgh_field_names": tuple(names),
        "pgh_masked_fields": tuple(masked),
        "pgh_with": tuple(with_),
        "pgh_append_only": settings.append_only if append_only is DEFAULT else append_only,
        "pgh_keep": settings.keep if keep is DEFAULT else keep,
        "pgh_level": level,
        **field_copies.tracked_fields(model, names),
        **{masking.flag(name): models.BooleanField(null=True, editable=False) for name in masked},
        **_obj(model, obj_field, fields or []),
        **_context(_context_model(model), context_field, context_id_field),
        **(attrs or {}),
    }
    options: dict[str, Any] = {"abstract": abstract}
    if model._meta.apps is not apps:
        options["apps"] = model._meta.apps
    if app_label or not abstract:
        options["app_label"] = app_label or model._meta.app_label
    options |= meta or {}
    bases = (base.Meta,) if hasattr(base, "Meta") else ()
    own_attrs["Meta"] = type("Meta", bases, options)
    name = model_name or field_copies.model_name(model, fields)
    metaclass: Any = type(base)
    return metaclass(f"Base{name}" if abstract else name, (base,), own_attrs)


def get_event_model(
    model: type[models.Model],
    *trackers: Tracker,
    name: str | None = None,
    related_name: str | None = None,
    **options: Any,
) -> Any:
    """Call ``create_event_model()``, under its name and with its arguments in older releases."""
    if related_name:
        options["obj_field"] = field_options.ObjForeignKey(related_name=related_name)
    return create_event_model(model, *trackers, model_name=name, **options)


def all_event_models() -> list[Any]:
    """Return all loaded event models, in the order of their definition."""
    return list(_event_models.values())


def forget(event_model: Any) -> None:
    """Remove an event model from the list, for a class that is replaced."""
    _event_models.pop(event_model._meta.label, None)


_event_models: dict[str, Any] = {}


def _obj(
    model: type[models.Model], given: field_options.ObjForeignKey | Default | None, names: list[str]
) -> dict[str, Any]:
    """Return ``pgh_obj``: a foreign key, or for a composite key a relation over its parts."""
    declared = settings.obj_field if given is DEFAULT else given
    if declared is None:
        return {"pgh_obj": None}
    kwargs = declared.kwargs_over(settings.foreign_key_field)
    if "related_name" not in kwargs or given is DEFAULT:
        base = kwargs.get("related_name", "events")
        kwargs["related_name"] = base if base == "+" else field_copies.related_name(base, names)
    kwargs.setdefault("related_query_name", "+" if kwargs["related_name"] == "+" else None)
    key = [field.name for field in inheritance.composite_key(model)]
    if not key:
        return {"pgh_obj": models.ForeignKey(model, **kwargs)}
    kept = ("on_delete", "related_name", "related_query_name")
    kwargs = {name: kwargs[name] for name in kept}
    return {"pgh_obj": _CompositeObj(model, from_fields=key, to_fields=key, **kwargs)}


class _CompositeObj(models.ForeignObject):  # type: ignore[type-arg]  # not generic at run time
    """``pgh_obj`` over several columns, which are separate fields in fixtures.

    Django's serializers know foreign keys of one column only. In migrations it is a ForeignObject.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.serialize = False

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        del kwargs["serialize"]
        return name, "django.db.models.ForeignObject", args, kwargs


def _context_model(tracked: type[models.Model]) -> type[models.Model] | str:
    """Return the context model: the class itself for models in apps that do not have it."""
    return CONTEXT_MODEL if tracked._meta.apps is apps else apps.get_model(CONTEXT_MODEL)


def _context(
    context_model: type[models.Model] | str,
    given: field_options.ContextForeignKey | field_options.ContextJSONField | Default | None,
    given_id: field_options.ContextUUIDField | Default | None,
) -> dict[str, Any]:
    """``pgh_context`` and, unless that is a foreign key, ``pgh_context_id``."""
    declared = settings.context_field if given is DEFAULT else given
    if given_id is DEFAULT:
        # Without a context an event has no id of one either, unless that is asked for.
        given_id = settings.context_id_field if declared else None
    declared_id = given_id
    if isinstance(declared, field_options.ContextForeignKey):
        options = declared.kwargs_over(settings.foreign_key_field)
        return {"pgh_context": models.ForeignKey(context_model, **options)}
    return {
        "pgh_context": JSONField(**declared.kwargs) if declared else None,
        "pgh_context_id": models.UUIDField(**declared_id.kwargs) if declared_id else None,
    }


def _default_trackers() -> tuple[Tracker, ...]:
    from pghistory.vocabulary.trackers import InsertEvent, UpdateEvent

    return tuple(settings.default_trackers or (InsertEvent(), UpdateEvent()))


def prepare(sender: Any, **kwargs: Any) -> None:
    """Give an event model that Django has prepared its indexes and triggers, and list it.

    An isolated one is not listed: see Note [Isolated models] of ``pgtrigger.triggers.registry``.
    """
    tracked = getattr(sender, "pgh_tracked_model", None)
    options = sender._meta
    is_historical = isinstance(options.apps, StateApps)
    if tracked is None or options.proxy or is_historical or options.swapped:
        return
    if options.apps is apps:
        _event_models[options.label] = sender
    _add_indexes(sender)
    for tracker in sender.pgh_trackers:
        _introduce(tracked, sender, tracker.label)
        for event in tracker.row_events():
            level = event.level if event.level is not DEFAULT else sender.pgh_level
            for model, declared in event_trigger.of_tracker(event, sender, level):
                # An isolated child may inherit a model of the project, which gets no trigger.
                if model._meta.apps is options.apps:
                    _register(model, declared, sender)
    if sender.pgh_append_only:
        for rule in _append_only(strict=sender.pgh_append_only == STRICT):
            rule.register(sender)


def _introduce(tracked: Any, event_model: Any, label: str) -> None:
    if "pgh_event_models" not in tracked.__dict__:
        tracked.pgh_event_models = {}
        tracked.pgh_event_model = _OnlyEventModel()
    tracked.pgh_event_models.setdefault(label, event_model)


class _OnlyEventModel:
    """``Model.pgh_event_model``: the event model of a model that has one.

    Raises:
        ValueError: if it has several.
    """

    def __get__(self, obj: models.Model | None, tracked: Any) -> Any:
        found = list(dict.fromkeys(tracked.pgh_event_models.values()))
        if len(found) > 1:
            labels = ", ".join(
                f'pgh_event_models["{label}"] is {event_model._meta.label}'
                for label, event_model in tracked.pgh_event_models.items()
            )
            raise ValueError(
                f"{tracked._meta.label} has {len(found)} event models, so pgh_event_model is "
                f"ambiguous. Choose one by label: {labels}."
            )
        return found[0]


def _register(model: type[models.Model], declared: event_trigger.Event, event_model: Any) -> None:
    """Two event models of one tracked model may have the same label.

    Two labels may also differ only in characters that a trigger's name cannot have.
    """
    taken = {str(each.name).lower() for each in registry.of_model(model)}
    name = str(declared.name)
    if name.lower() in taken:
        name = event_trigger.short_name(f"{name}_{event_model._meta.model_name}")
    if name.lower() in taken:
        name = event_trigger.with_digest(name, of=declared.label)
    declared.name = name
    declared.register(model)


def _add_indexes(event_model: Any) -> None:
    """Add indexes by key (for timelines), time (for pages) and transaction (for change sets)."""
    names = {field.name for field in event_model._meta.local_fields}
    key = [field.name for field in inheritance.composite_key(event_model.pgh_tracked_model)]
    if "pgh_obj" in names:
        obj = key or ["pgh_obj"]
    else:
        own = key or [inheritance.concrete(event_model.pgh_tracked_model)._meta.pk.name]
        obj = own if set(own) <= names else []
    wanted = {
        "pgh_timeline": [*obj, "pgh_id"] if obj else [],
        "pgh_created_at": ["pgh_created_at"],
        "pgh_xact": ["pgh_xact"],
    }
    for purpose, columns in wanted.items():
        known = [list(index.fields) for index in event_model._meta.indexes]
        if columns and set(columns) <= names and columns not in known:
            # The names that Django gives have six hex digits, which collide among many tables.
            digest = names_digest(event_model._meta.db_table, *columns, length=15)
            index = models.Index(fields=columns, name=f"{purpose}_{digest}")
            event_model._meta.indexes.append(index)
    # Migrations read from here which options a class has.
    event_model._meta.original_attrs["indexes"] = event_model._meta.indexes


def _append_only(*, strict: bool) -> list[pgtrigger.Protect]:
    return [
        pgtrigger.Protect(
            name="append_only",
            operation=pgtrigger.Update | pgtrigger.Delete,
            ignorable=not strict,
        ),
        pgtrigger.Protect(
            name="append_only_truncate",
            operation=pgtrigger.Truncate,
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            ignorable=not strict,
        ),
    ]
