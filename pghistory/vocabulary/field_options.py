"""The options of the fields of event models.

Each class is a set of arguments of Django's fields; those that are not given have defaults here.
They are plain values, so that ``settings.py`` can create them::

    PGHISTORY_FIELD = pghistory.Field(db_index=pghistory.DEFAULT)

DEFAULT, for a copy of a tracked field, means the tracked field's own value: here, its index.

https://docs.djangoproject.com/en/stable/ref/models/fields/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.deconstruct import deconstructible

from pghistory.vocabulary.constants import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping


class Field:
    """The arguments of any field.

    An event holds what a row once held, so nothing in it is unique, and a row of the table that
    the event is about may have the same key again.
    """

    defaults: ClassVar[dict[str, Any]] = {"unique": False, "db_index": False}
    options: ClassVar[frozenset[str]] = frozenset(
        {"blank", "null", "db_index", "editable", "unique", "help_text", "verbose_name"}
        | {"unique_for_date", "unique_for_month", "unique_for_year", "primary_key"}
    )

    def __init__(self, **options: Any):
        unknown = sorted(set(options) - self.options)
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no argument {unknown[0]!r}. "
                f"It has: {', '.join(sorted(self.options))}."
            )
        self.given = {name: value for name, value in options.items() if value is not DEFAULT}
        self.as_tracked = set(options) - set(self.given)

    @property
    def kwargs(self) -> dict[str, Any]:
        """Django's arguments."""
        return {**self.defaults, **self.given}

    def over(self, kwargs: Mapping[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
        """Merge these options into ``kwargs``, the arguments for copying a ``declared`` field."""
        said = {**kwargs, **self.kwargs}
        tracked = {name: declared[name] for name in self.as_tracked if name in declared}
        return {name: said[name] for name in said if name not in self.as_tracked} | tracked

    def __repr__(self) -> str:
        options = {**self.given, **dict.fromkeys(sorted(self.as_tracked), DEFAULT)}
        arguments = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return f"{type(self).__name__}({arguments})"


class RelatedField(Field):
    """The arguments of a field that points to another model; it makes no reverse accessor."""

    defaults: ClassVar[dict[str, Any]] = {"related_name": "+", "related_query_name": "+"}
    options = Field.options | {"related_name", "related_query_name"}


class ForeignKey(RelatedField):
    """The arguments of a foreign key: an event outlives what it points to."""

    defaults: ClassVar[dict[str, Any]] = {
        **RelatedField.defaults,
        "on_delete": models.DO_NOTHING,
        "db_constraint": False,
        "db_index": True,
    }
    options = RelatedField.options | {"on_delete", "db_constraint"}


class EventForeignKey(ForeignKey):
    """A foreign key that an event has besides its copies."""

    own_defaults: ClassVar[dict[str, Any]] = {}

    def kwargs_over(self, general: ForeignKey) -> dict[str, Any]:
        """Return Django's arguments.

        Options that neither this declaration nor the class sets come from ``general``, which is
        PGHISTORY_FOREIGN_KEY_FIELD, except related names, which must be unique.
        """
        shared = {
            name: value
            for name, value in general.kwargs.items()
            if name not in RelatedField.defaults
        }
        return {**shared, **self.own_defaults, **self.given}


class ObjForeignKey(EventForeignKey):
    """``pgh_obj``, the object that an event is about.

    It has no separate index: event tables are indexed on ``(pgh_obj, pgh_id)``.
    """

    own_defaults: ClassVar[dict[str, Any]] = {"db_index": False}


class ContextForeignKey(EventForeignKey):
    """``pgh_context`` as a foreign key to the context's row; a change may have no context."""

    own_defaults: ClassVar[dict[str, Any]] = {**RelatedField.defaults, "null": True}


class ContextJSONField(Field):
    """``pgh_context`` as the metadata themselves, copied into each event."""

    defaults: ClassVar[dict[str, Any]] = {"null": True}


class ContextUUIDField(Field):
    """``pgh_context_id`` beside a ``ContextJSONField``: which events had one context."""

    defaults: ClassVar[dict[str, Any]] = {"null": True}


@deconstructible(path="pghistory.fields.SessionUser")
class SessionUser(models.Func):
    """The role that logged in, which neither SET ROLE nor a SECURITY DEFINER function changes.

    https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SESSION
    """

    template = "SESSION_USER"
    output_field = models.TextField()


@deconstructible(path="pghistory.fields.ClockTimestamp")
class ClockTimestamp(Now):
    """The present time; ``Now()`` is the start of the transaction.

    https://www.postgresql.org/docs/current/functions-datetime.html#FUNCTIONS-DATETIME-CURRENT
    """

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="pg_catalog.CLOCK_TIMESTAMP()", **extra)


class EventTimeField(models.DateTimeField):  # type: ignore[type-arg]
    """The time of an event: by Python's clock for one that Python makes, else by the server's.

    So a test that stops Python's clock knows the time of the events that it makes. Migrations see
    a DateTimeField with a default in the database.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = getattr(model_instance, self.attname)
        if add and isinstance(value, DatabaseDefault):
            value = timezone.now()
            setattr(model_instance, self.attname, value)
        return value

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.DateTimeField", args, kwargs
