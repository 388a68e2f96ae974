"""The ``PGHISTORY_*`` settings.

https://docs.djangoproject.com/en/stable/topics/settings/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import NoneType
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Model
from django.utils.module_loading import import_string

import pgtrigger
from pghistory.vocabulary import field_options
from pghistory.vocabulary.trackers import Tracker
from pgtrigger.conf import Setting, SettingsOf

CREATED_AT = "pg_catalog.clock_timestamp()"


def _imported(found: Any) -> Any:
    return import_string(found) if isinstance(found, str) else found


def _model(found: Any) -> Any:
    return apps.get_model(found) if isinstance(found, str) else found


def _called(found: Any) -> Any:
    return found() if callable(found) else found


def _ordering(found: str | Sequence[str] | None) -> list[str]:
    ordering = found or "-pgh_created_at"
    return [ordering] if isinstance(ordering, str) else list(ordering)


def _by_field_class(found: Mapping[Any, Sequence[str]]) -> dict[type, list[str]]:
    return {_imported(field_class): list(names) for field_class, names in found.items()}


def _columns(found: Sequence[str] | None) -> list[str]:
    if found is not None:
        return list(found)
    shown = ["pgh_created_at", "pgh_obj_model", "pgh_obj_id", "pgh_label", "pgh_diff"]
    extra = {field.name for field in settings.admin_model._meta.fields} & {"user", "url"}
    return [*shown, *sorted(extra, reverse=True)]


class Settings(SettingsOf):
    """The settings of pghistory."""

    prefix = "PGHISTORY_"

    default_trackers = Setting[Sequence[Tracker] | None](None, of=(Sequence, NoneType))
    """The trackers of ``track()`` without arguments, or None for inserts and updates."""

    level = Setting[pgtrigger.Level](pgtrigger.Statement, of=pgtrigger.Level)
    """Events are written once a statement (``pgtrigger.Statement``) or once a row.

    The events are the same. Only their order differs, if another AFTER trigger writes the changed
    row again: choose ``pgtrigger.Row`` for such a table.
    """

    append_only = Setting[bool | str](False, of=(bool, str))
    """Event tables refuse all operations but INSERT. ``"strict"``: also inside ``ignore()``."""

    keep = Setting[timedelta | None](None, of=(timedelta, NoneType))
    """How long ``manage.py pghistory prune`` and ``partition`` keep events, or None for ever.

    ``track(keep=...)`` sets it for one model.
    """

    created_at_function = Setting[str](CREATED_AT, of=str)
    """The SQL of the time of an event that a trigger writes.

    ``clock_timestamp()`` tells the events of one transaction apart; ``now()`` does not.
    """

    record_session = Setting[bool](False, of=bool)
    """A change without a context gets one that names its session.

    Its metadata are the database role, the application name and the client's address.
    """

    definer = Setting[bool](False, of=bool)
    """Events are written with the privileges of the tables' owner.

    The application's role then needs no privilege on event tables and contexts but SELECT, so it
    cannot forge events. ``manage.py pgtrigger roles`` grants what it needs.
    """

    install_context_func_on_migrate = Setting[bool](False, of=bool)
    """Each ``migrate`` creates the function ``_pgh_attach_context()``.

    No trigger of this project calls it; triggers that the PyPI package installed do.
    """

    middleware_methods = Setting[tuple[str, ...]](
        ("GET", "POST", "PUT", "PATCH", "DELETE"), of=(list, tuple, set, frozenset), read=tuple
    )
    """The methods of the requests that get a context."""

    json_encoder = Setting[type[json.JSONEncoder]](
        "django.core.serializers.json.DjangoJSONEncoder", of=(type, str), read=_imported
    )
    """The class, or its path, that encodes metadata as JSON."""

    base_model = Setting[type[Model]]("pghistory.models.Event", of=(type, str), read=_imported)
    """The abstract model, or its path, that event models inherit."""

    field = Setting[field_options.Field](field_options.Field(), of=field_options.Field)
    """The options of every tracked field; an option that is DEFAULT is the tracked field's own."""

    related_field = Setting[field_options.RelatedField](
        field_options.RelatedField(), of=field_options.RelatedField
    )
    """The options of every tracked relation."""

    foreign_key_field = Setting[field_options.ForeignKey](
        field_options.ForeignKey(), of=field_options.ForeignKey
    )
    """The options of every foreign key, also of ``pgh_obj`` and ``pgh_context``."""

    obj_field = Setting[field_options.ObjForeignKey | None](
        field_options.ObjForeignKey(), of=(field_options.ObjForeignKey, NoneType)
    )
    """The options of ``pgh_obj``, or None if event models do not have it."""

    context_field = Setting[
        field_options.ContextForeignKey | field_options.ContextJSONField | None
    ](
        field_options.ContextForeignKey(),
        of=(field_options.ContextForeignKey, field_options.ContextJSONField, NoneType),
    )
    """The options of ``pgh_context``, or None if event models do not have it."""

    context_id_field = Setting[field_options.ContextUUIDField | None](
        field_options.ContextUUIDField(), of=(field_options.ContextUUIDField, NoneType)
    )
    """The options of ``pgh_context_id`` beside a JSON ``pgh_context``, or None without options."""

    exclude_field_kwargs = Setting[dict[type, list[str]]]({}, of=Mapping, read=_by_field_class)
    """The arguments that event models leave out, by class of field or its path."""

    admin_ordering = Setting[list[str]](None, read=_ordering)
    """The order of the events in the admin: the name of a field, or several."""

    admin_model = Setting[type[Model]]("pghistory.Events", of=(type, str), read=_model)
    """The model of the admin's page of events, or its label."""

    admin_queryset = Setting[Any](None, read=_called)
    """The events of the admin's page, or a function that returns them, or None for all."""

    admin_class = Setting[Any]("pghistory.admin.EventsAdmin", of=(type, str), read=_imported)
    """The admin of ADMIN_MODEL, or its path."""

    admin_all_events = Setting[bool](True, of=bool)
    """The admin's page shows events before a filter is chosen."""

    admin_list_display = Setting[list[str]](None, read=_columns)
    """The columns of the admin's page of events."""


settings = Settings()

if not TYPE_CHECKING:  # in this project, read ``settings``

    def __getattr__(name: str) -> Callable[[], Any]:
        """Return the documented function of a setting: ``pghistory.config.json_encoder()``."""
        if not isinstance(vars(Settings).get(name), Setting):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return lambda: getattr(settings, name)
