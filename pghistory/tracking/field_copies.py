"""Copy the tracked model's fields for an event model, and name the model and its relations.

https://docs.djangoproject.com/en/stable/ref/models/fields/#field-attribute-reference
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.fields.proxy import OrderWrt

from pghistory.config import settings
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pghistory.vocabulary.field_options import Field

# Leave out the key options: the key of the row is not the key of the event.
_PLAIN = {
    "AutoField": models.IntegerField,
    "BigAutoField": models.BigIntegerField,
    "SmallAutoField": models.SmallIntegerField,
}

# Options with which a field sets its own value or depends on untracked fields. A copy does not
# have them, because an event contains the row as it was.
_LEFT_OUT = (
    *("primary_key", "auto_now", "auto_now_add", "parent_link", "auto_created", "serialize"),
    *("related_name", "related_query_name", "on_delete", "db_constraint", "unique", "db_index"),
    *("unique_for_date", "unique_for_month", "unique_for_year", "width_field", "height_field"),
)


def names(
    model: type[models.Model], fields: Iterable[str] | None, exclude: Iterable[str] | None
) -> list[str]:
    """The fields that an event holds, always with those that ``pgh_obj`` needs.

    ValueError for a field that the model does not have, or for both ``fields`` and ``exclude``.
    """
    if fields is not None and exclude is not None:
        raise ValueError(f'{model._meta.label}: give "fields" or "exclude", not both.')
    every = {field.name: field for field in inheritance.all_columns(model)}
    by_attname = {field.attname: name for name, field in every.items()}
    by_attname["pk"] = model._meta.pk.name

    def named(given: Iterable[str]) -> list[str]:
        if isinstance(given, str):
            raise ValueError(f"{model._meta.label}: found {given!r}, expected a list of fields.")
        found = [by_attname.get(name, name) for name in given]
        for name in found:
            if name not in every:
                raise ValueError(
                    f"{model._meta.label} has no column for {name!r}. "
                    f"It has: {', '.join(sorted(every))}."
                )
        return found

    chosen = list(every) if fields is None else named(fields)
    excluded = set(named(exclude or ()))
    needed = [field.name for field in inheritance.composite_key(model)]
    kept = [name for name in chosen if name not in excluded]
    return [*kept, *(name for name in needed if name not in kept)]


def masked(model: type[models.Model], chosen: Iterable[str], mask: Iterable[str]) -> list[str]:
    """The fields of ``mask``, in the order of the model's.

    ValueError for a field that is not tracked, that says which row an event is about, or that a
    generated column beside it would reveal.
    """
    if isinstance(mask, str):
        raise ValueError(f"{model._meta.label}: found mask={mask!r}, expected a list of fields.")
    wanted = set(mask)
    every = {field.name: field for field in inheritance.all_columns(model)}
    unknown = sorted(wanted - set(chosen))
    if unknown:
        raise ValueError(
            f"{model._meta.label}: mask has {unknown[0]!r}, which is not a tracked field. "
            f"Tracked are: {', '.join(chosen)}."
        )
    keys = {table._meta.pk.name for table in inheritance.tables(model)}
    keys |= {part.name for part in inheritance.composite_key(model)}
    if wanted & keys:
        raise ValueError(
            f"{model._meta.label}: {min(wanted & keys)!r} cannot be masked, because it says which "
            "row an event is about."
        )
    for name in chosen:
        expression = getattr(every[name], "expression", None)
        read = model._get_expr_references(expression) if expression is not None else ()  # type: ignore[attr-defined]
        revealed = sorted({names[0] for names in read} & wanted)
        if revealed and name not in wanted:
            raise ValueError(
                f"{model._meta.label}: {name!r} is generated from {revealed[0]!r}, which is "
                "masked. Mask it too, or exclude it."
            )
    return [name for name in chosen if name in wanted]


def tracked_fields(
    model: type[models.Model], chosen: Iterable[str]
) -> dict[str, models.Field[Any, Any]]:
    """A copy of each of these fields, for the event model.

    A column of a parent's table may have the name of a column of the model's own table; then its
    copy is named after the field.
    """
    every = {field.name: field for field in inheritance.all_columns(model)}
    own = inheritance.concrete(model)
    is_own = {name: inheritance.owner(every[name]) is own for name in chosen}
    columns = {every[name].db_column for name in is_own if is_own[name]}
    copies = {name: _copy(every[name], is_own=is_own[name]) for name in is_own}
    for name, copied in copies.items():
        if not is_own[name] and copied.db_column in columns:
            copied.db_column = None
    return copies


def model_name(model: type[models.Model], fields: Iterable[str] | None) -> str:
    """``TrackedEvent``; with ``fields=["int_field"]`` ``TrackedIntFieldEvent``."""
    words = "".join(word.title() for name in fields or () for word in name.split("_"))
    return f"{model.__name__}{words}Event"


def related_name(base: str, fields: Iterable[str] | None) -> str:
    """``events``; with ``fields=["int_field"]`` ``int_field_events``."""
    return "_".join([*(fields or ()), base])


def _copy(field: Any, *, is_own: bool) -> models.Field[Any, Any]:
    """Return the copy of a field; one that a parent's table has can be NULL.

    The PyPI package does not copy such fields, so that the column is added to tables with events.
    """
    is_generated = isinstance(field, models.GeneratedField)
    field = field.output_field if is_generated else field
    is_key = isinstance(field, models.ForeignKey)
    args, declared = _declared(field)
    if is_generated:
        declared["null"] = True  # as Django makes the column, whatever its output_field says
    if not is_own:
        declared["null"] = True
    kwargs = {name: value for name, value in declared.items() if name not in _LEFT_OUT}
    for setting in _settings(field):
        kwargs = setting.over(kwargs, declared)
    if is_key:
        return models.ForeignKey(**kwargs | {"to": _target(field), "to_field": field.to_fields[0]})
    if not kwargs.get("unique"):
        kwargs.pop("unique", None)
    if isinstance(field, OrderWrt):
        # Migrations leave a field of this class out, and add one without asking for a default.
        return models.IntegerField(**kwargs | {"null": True})
    field_class: Any = _PLAIN.get(field.get_internal_type(), type(field))
    return field_class(*args, **kwargs)  # type: ignore[no-any-return]


def _declared(field: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that the tracked field has, but for those that a setting excludes."""
    if isinstance(field, models.ForeignKey):
        # A foreign key's own deconstruct() needs every model loaded.
        _, _, args, kwargs = models.Field.deconstruct(field)
        kwargs |= {name: getattr(field, name) for name in ("db_index", "db_constraint")}
        for name in ("on_delete", "related_name", "related_query_name"):
            kwargs[name] = getattr(field.remote_field, name)
    else:
        _, _, args, kwargs = field.deconstruct()
    for configured, excluded in settings.exclude_field_kwargs.items():
        if isinstance(field, configured):
            kwargs = {name: value for name, value in kwargs.items() if name not in excluded}
    return list(args), kwargs


def _settings(field: Any) -> list[Field]:
    """The settings that are about such a field, the most general one first."""
    found: list[Field] = [settings.field]
    if field.is_relation:
        found.append(settings.related_field)
    if isinstance(field, models.ForeignKey):
        found.append(settings.foreign_key_field)
    return found


def _target(field: Any) -> Any:
    """The model that a foreign key points to: a class, or its label while that is not loaded."""
    target = field.remote_field.model
    if isinstance(target, str) and "." not in target:
        return f"{field.model._meta.app_label}.{target}"
    return target
