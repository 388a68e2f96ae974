"""The ``PGHISTORY_*`` settings, each with its default and what it decides."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

import pgtrigger
from pghistory.vocabulary import field_options

if TYPE_CHECKING:
    import json
    from collections.abc import Sequence

    from django.db.models import Model

    from pghistory.vocabulary.trackers import Tracker

T = TypeVar("T")

CREATED_AT = "pg_catalog.clock_timestamp()"


def default_trackers() -> Sequence[Tracker] | None:
    """DEFAULT_TRACKERS: what ``track()`` tracks when it is given no tracker."""
    return cast("Sequence[Tracker] | None", _get("DEFAULT_TRACKERS", None))


def level() -> pgtrigger.Level:
    """LEVEL: whether events are written once a statement or once a row.

    The events are the same, but for their order where another AFTER trigger writes the changed row
    again: choose ``pgtrigger.Row`` for such a table.
    """
    return _checked("LEVEL", pgtrigger.Statement, pgtrigger.Level)


def append_only() -> bool | str:
    """APPEND_ONLY: whether event tables refuse all but INSERT; "strict": whoever ignores rules."""
    return cast("bool | str", _get("APPEND_ONLY", False))


def keep() -> timedelta | None:
    """KEEP: how long events are kept, for ``manage.py pghistory prune`` and ``partition``.

    None: for ever. ``track(keep=...)`` says it for one model.
    """
    return cast("timedelta | None", _optional("KEEP", None, timedelta))


def created_at_function() -> str:
    """CREATED_AT_FUNCTION: the SQL of the time of an event that a trigger writes.

    ``clock_timestamp()`` tells the events of one transaction apart, which ``now()`` does not.
    """
    return str(_get("CREATED_AT_FUNCTION", CREATED_AT))


def record_session() -> bool:
    """RECORD_SESSION: whether a change without context gets one that says whose session it was.

    Its metadata are the database role, the application name and the client's address.
    """
    return bool(_get("RECORD_SESSION", False))


def definer() -> bool:
    """DEFINER: whether events are written with the privileges of the tables' owner.

    The application's role then needs no privilege on event tables and contexts but SELECT, so it
    cannot forge events. ``manage.py pgtrigger roles`` grants what it needs.
    """
    return bool(_get("DEFINER", False))


def install_context_func_on_migrate() -> bool:
    """INSTALL_CONTEXT_FUNC_ON_MIGRATE: whether each ``migrate`` makes ``_pgh_attach_context()``.

    No trigger of this project calls it; those that the PyPI package installed do.
    """
    return bool(_get("INSTALL_CONTEXT_FUNC_ON_MIGRATE", False))


def middleware_methods() -> tuple[str, ...]:
    """MIDDLEWARE_METHODS: the requests that get a context."""
    return tuple(_get("MIDDLEWARE_METHODS", ("GET", "POST", "PUT", "PATCH", "DELETE")))


def json_encoder() -> type[json.JSONEncoder]:
    """JSON_ENCODER: what turns metadata into JSON, a class or its path."""
    encoder = _get("JSON_ENCODER", "django.core.serializers.json.DjangoJSONEncoder")
    return cast(
        "type[json.JSONEncoder]", import_string(encoder) if isinstance(encoder, str) else encoder
    )


def base_model() -> type[Model]:
    """BASE_MODEL: the abstract model that event models inherit, or its path."""
    found = _get("BASE_MODEL", "pghistory.models.Event")
    return cast("type[Model]", import_string(found) if isinstance(found, str) else found)


def field() -> field_options.Field:
    """FIELD: how any tracked field is declared on an event model; DEFAULT: as it is itself."""
    return _checked("FIELD", field_options.Field(), field_options.Field)


def related_field() -> field_options.RelatedField:
    """RELATED_FIELD: how a tracked relation is declared."""
    return _checked("RELATED_FIELD", field_options.RelatedField(), field_options.RelatedField)


def foreign_key_field() -> field_options.ForeignKey:
    """FOREIGN_KEY_FIELD: how any foreign key is declared, ``pgh_obj`` and ``pgh_context`` too."""
    return _checked("FOREIGN_KEY_FIELD", field_options.ForeignKey(), field_options.ForeignKey)


def obj_field() -> field_options.ObjForeignKey | None:
    """OBJ_FIELD: how ``pgh_obj`` is declared; None: event models have none."""
    return _optional("OBJ_FIELD", field_options.ObjForeignKey(), field_options.ObjForeignKey)


def context_field() -> field_options.ContextForeignKey | field_options.ContextJSONField | None:
    """CONTEXT_FIELD: how ``pgh_context`` is declared; None: event models have none."""
    expected = (field_options.ContextForeignKey, field_options.ContextJSONField)
    return cast(
        "field_options.ContextForeignKey | field_options.ContextJSONField | None",
        _optional("CONTEXT_FIELD", field_options.ContextForeignKey(), expected),
    )


def context_id_field() -> field_options.ContextUUIDField | None:
    """CONTEXT_ID_FIELD: how ``pgh_context_id`` is declared beside a JSON ``pgh_context``."""
    return _optional(
        "CONTEXT_ID_FIELD", field_options.ContextUUIDField(), field_options.ContextUUIDField
    )


def exclude_field_kwargs() -> dict[type, list[str]]:
    """EXCLUDE_FIELD_KWARGS: the arguments that event models leave out, by class of field."""
    configured = _get("EXCLUDE_FIELD_KWARGS", {})
    return {
        import_string(field_class) if isinstance(field_class, str) else field_class: list(names)
        for field_class, names in configured.items()
    }


def admin_ordering() -> list[str]:
    """ADMIN_ORDERING: the order of the events in the admin, one or several names of fields."""
    ordering = _get("ADMIN_ORDERING", None) or "-pgh_created_at"
    return [ordering] if isinstance(ordering, str) else list(ordering)


def admin_model() -> type[Model]:
    """ADMIN_MODEL: the model of the admin's page of events, or its label."""
    model = _get("ADMIN_MODEL", "pghistory.Events")
    return apps.get_model(model) if isinstance(model, str) else cast("type[Model]", model)


def admin_queryset() -> Any:
    """ADMIN_QUERYSET: the events of the admin's page; None: all of ADMIN_MODEL."""
    found = _get("ADMIN_QUERYSET", None)
    return found() if callable(found) else found


def admin_class() -> Any:
    """ADMIN_CLASS: the admin of ADMIN_MODEL, or its path."""
    found = _get("ADMIN_CLASS", "pghistory.admin.EventsAdmin")
    return import_string(found) if isinstance(found, str) else found


def admin_all_events() -> bool:
    """ADMIN_ALL_EVENTS: whether the admin shows events that no filter chose."""
    return bool(_get("ADMIN_ALL_EVENTS", True))


def admin_list_display() -> list[str]:
    """ADMIN_LIST_DISPLAY: the columns of the admin's page of events."""
    columns = _get("ADMIN_LIST_DISPLAY", None)
    if columns is not None:
        return list(columns)
    shown = ["pgh_created_at", "pgh_obj_model", "pgh_obj_id", "pgh_label", "pgh_diff"]
    extra = {field.name for field in admin_model()._meta.fields} & {"user", "url"}
    return [*shown, *sorted(extra, reverse=True)]


def _get(name: str, default: Any) -> Any:
    return getattr(settings, f"PGHISTORY_{name}", default)


def _checked(name: str, default: T, expected: type | tuple[type, ...]) -> T:
    found = _get(name, default)
    if not isinstance(found, expected):
        classes = expected if isinstance(expected, tuple) else (expected,)
        names = " or ".join(f"{each.__module__}.{each.__qualname__}" for each in classes)
        raise ImproperlyConfigured(
            f"settings.PGHISTORY_{name}: found {found!r}, expected an instance of {names}."
        )
    return cast("T", found)


def _optional(name: str, default: T, expected: type | tuple[type, ...]) -> T | None:
    return None if _get(name, default) is None else _checked(name, default, expected)
