"""Fields that triggers set, on the instance after ``save()`` and ``bulk_create()``.

A BEFORE trigger at row level has run when RETURNING is evaluated. An AFTER trigger writes later, so
``save()`` removes the attribute from the instance, and Django reads it from the database at the
next access.

https://www.postgresql.org/docs/current/dml-returning.html
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import QuerySet, options
from django.db.models.base import Model
from django.db.models.sql import UpdateQuery
from django.utils.functional import cached_property

from pgtrigger.triggers import registry
from pgtrigger.triggers.version import Version
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import own_field

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Field

    Fields = list[Field[Any, Any]]


_WRITTEN = "_pgtrigger_written"


def fields(model: type[Model], operation: str, *, by_returning: bool) -> Fields:
    """Return the fields of the model that triggers set when rows are inserted or updated.

    Args:
        operation: INSERT or UPDATE.
        by_returning: True for the fields that RETURNING can return, False for the others.
    """
    concrete = model._meta.concrete_model or model
    # Each save needs them, so they are cached on the model until a declaration on it changes.
    known = vars(concrete._meta).setdefault(_WRITTEN, {})
    if (operation, by_returning) not in known:
        known[operation, by_returning] = _fields(concrete, operation, by_returning)
    found: Fields = known[operation, by_returning]
    return found


def _fields(concrete: type[Model], operation: str, by_returning: bool) -> Fields:
    found = [
        own_field(concrete, name)
        for trigger in registry.of_model(concrete)
        if trigger.operation and operation in trigger.operation.names
        if by_returning == (trigger.when == clauses.Before and trigger.level == clauses.Row)
        for name in trigger.writes or ()
    ]
    return list(dict.fromkeys(found))


def install_hooks() -> None:
    """Let Django's writes return these fields. Django has no public way to do so."""
    if hasattr(vars(Model)["_do_update"], "__wrapped__"):
        return
    wrapped: list[tuple[type, str, Callable[..., Any]]] = [
        (Model, "_do_update", _returning_update),
        (Model, "_do_insert", _forgetting_insert),
        (QuerySet, "bulk_create", _reading_bulk_create),
    ]
    for owner, name, wrap in wrapped:
        setattr(owner, name, wrap(vars(owner)[name]))
    _add_to_returning_fields()


def _returning_update(original: Callable[..., Any]) -> Callable[..., Any]:
    """Return fields of an UPDATE. Django 6.0 and later does so itself, and passes the list."""

    @functools.wraps(original)
    def do_update(
        self: Model,
        base_qs: Any,
        using: str,
        pk_val: Any,
        values: list[Any],
        update_fields: Any,
        forced_update: Any,
        *returning_fields: Any,
    ) -> Any:
        model = base_qs.model
        if not registry.of_model(model) or not values or connections[using].vendor != "postgresql":
            return original(
                self, base_qs, using, pk_val, values, update_fields, forced_update,
                *returning_fields,
            )  # fmt: skip
        values = _with_version(self, model, values)
        late = fields(model, "UPDATE", by_returning=False)
        returned = fields(model, "UPDATE", by_returning=True)
        if returning_fields:
            [known] = returning_fields
            known.extend(field for field in returned if field not in known)
        if returning_fields or not returned:
            done = original(
                self, base_qs, using, pk_val, values, update_fields, forced_update,
                *returning_fields,
            )  # fmt: skip
        else:
            done = _update(self, base_qs.filter(pk=pk_val), values, returned, forced_update)
        if done:
            _forget(self, late)
        return done

    return do_update


def _update(
    instance: Model, queryset: Any, values: list[Any], returned: Fields, forced_update: Any
) -> bool:
    """Update the row, and set the returned values. Return whether the row exists."""
    if instance._meta.select_on_save and not forced_update and not queryset.exists():
        return False
    query = queryset.query.chain(UpdateQuery)
    query.add_update_fields(values)
    connection = connections[queryset.db]
    compiler = query.get_compiler(connection=connection)
    columns = [field.get_col(query.get_meta().db_table) for field in returned]
    text, params = compiler.as_sql()
    names = ", ".join(compiler.compile(column)[0] for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"{text} RETURNING {names}", params)
        row = cursor.fetchone()
    if row is None:
        return bool(instance._meta.select_on_save and not forced_update and queryset.exists())
    converters = compiler.get_converters(columns)
    [converted] = compiler.apply_converters([row], converters) if converters else [row]
    for field, value in zip(returned, converted, strict=True):
        setattr(instance, field.attname, value)
    return True


def _with_version(instance: Model, model: type[Model], values: list[Any]) -> list[Any]:
    """Return the values with the version that the instance was read with."""
    written = {field for field, _, _ in values}
    for trigger in registry.of_model(model):
        if isinstance(trigger, Version):
            field = trigger.version_field(model)
            if field not in written and field.attname in vars(instance):
                values = [*values, (field, None, getattr(instance, field.attname))]
    return values


def _forgetting_insert(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def do_insert(self: Model, manager: Any, *args: Any, **kwargs: Any) -> Any:
        results = original(self, manager, *args, **kwargs)
        _forget(self, fields(manager.model, "INSERT", by_returning=False))
        return results

    return do_insert


def _forget(instance: Model, late: Fields) -> None:
    for field in late:
        vars(instance).pop(field.attname, None)


def _reading_bulk_create(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def bulk_create(self: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        created = original(self, objs, *args, **kwargs)
        late = fields(self.model, "INSERT", by_returning=False)
        keys = [each.pk for each in created if each.pk is not None]
        if late and keys:
            names = [field.attname for field in late]
            rows = self.model._base_manager.using(self.db).filter(pk__in=keys)
            stored = {pk: values for pk, *values in rows.values_list("pk", *names)}
            for each in created:
                vars(each).update(zip(names, stored.get(each.pk, ()), strict=False))
        return created

    return bulk_create


def _add_to_returning_fields() -> None:
    """Add the fields to ``Options.db_returning_fields``, which every INSERT of Django returns."""
    original = vars(options.Options)["db_returning_fields"].func

    @functools.wraps(original)
    def db_returning_fields(self: Any) -> Fields:
        known: Fields = original(self)
        model = self.model
        written = fields(model, "INSERT", by_returning=True) if model._meta is self else []
        return [*known, *(field for field in written if field not in known)]

    changed: Any = cached_property(db_returning_fields)
    changed.__set_name__(options.Options, "db_returning_fields")
    setattr(options.Options, "db_returning_fields", changed)  # noqa: B010
    registry.listeners.append(_forget_returning_fields)


def _forget_returning_fields(model: type[Model]) -> None:
    vars(model._meta).pop("db_returning_fields", None)
    vars(model._meta).pop(_WRITTEN, None)
