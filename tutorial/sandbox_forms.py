"""The forms of a sandbox: a field per column of a model."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django import forms
from django.db import models

Column: TypeAlias = "models.Field[Any, Any]"

# A key that no row has, for foreign keys to a missing row.
NOWHERE = 2**53
NOWHERE_PLACE = 10**6


def form_for(
    model: type[models.Model],
    keys: Mapping[str, Sequence[Any]],
    data: Any = None,
    *,
    instance: models.Model | None = None,
    place: int = 0,
) -> forms.Form:
    """A form that adds a row or, with `instance`, changes the one in `place`.

    `keys` are the rows there are, by model name and place, for foreign keys to choose from.
    """
    fields = {
        column.attname: _form_field(column, keys)
        for column in model._meta.concrete_fields
        if not column.primary_key and (instance is not None or column.editable)
    }
    form_class: type[forms.Form] = type("SandboxForm", (forms.Form,), fields)
    shown = instance if instance is not None else model()
    initial = {
        column.attname: _initial(column, getattr(shown, column.attname), keys)
        for column in model._meta.concrete_fields
        if column.attname in form_class.base_fields
    }
    if instance is None:
        return form_class(data, initial=initial, prefix=f"{model.__name__}-new")
    for form_field in form_class.base_fields.values():
        # A time that is set automatically differs in each replay, so a field counts as changed if
        # it differs from the value that was shown.
        form_field.show_hidden_initial = True
    return form_class(data, initial=initial, prefix=f"{model.__name__}-{place}")


def _form_field(column: Column, keys: Mapping[str, Sequence[Any]]) -> forms.Field:
    if column.related_model is not None:
        return _reference(column, column.related_model, keys)
    form_field = column.formfield(label=column.attname, required=False)
    assert form_field is not None  # editable, or of an instance
    if isinstance(form_field.widget, forms.Textarea):
        form_field.widget.attrs["rows"] = 2
    if isinstance(form_field, forms.DateTimeField):
        # Django leaves the microseconds out, and a browser shows no value with six digits of them.
        form_field.widget = forms.DateTimeInput(
            attrs={"type": "datetime-local", "step": "any"}, format="%Y-%m-%dT%H:%M:%S"
        )
        form_field.input_formats = ["%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
    return form_field


def _reference(
    column: Column, model: type[models.Model], keys: Mapping[str, Sequence[Any]]
) -> forms.Field:
    name = model.__name__
    choices = [(place, f"{name} {place + 1}") for place in range(len(keys[name]))]
    return forms.TypedChoiceField(
        choices=[*choices, (NOWHERE_PLACE, f"no such {name}")],
        coerce=int,
        empty_value=None,
        required=not column.null,
        label=column.attname,
    )


def _initial(column: Column, value: Any, keys: Mapping[str, Sequence[Any]]) -> Any:
    if column.related_model is None or value is None:
        return value
    found = list(keys[column.related_model.__name__])
    return found.index(value) if value in found else NOWHERE_PLACE
