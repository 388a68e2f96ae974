"""Forms that respect the rules of their model before PostgreSQL refuses a write.

    class OrderForm(RuledFormMixin, forms.ModelForm):
        ...

The one place that decides what a form offers: the admin of ``pgtrigger.admin`` uses it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.forms import (
    BaseForm,
    BaseFormSet,
    ChoiceField,
    HiddenInput,
    IntegerField,
    ModelChoiceField,
)
from django.forms.formsets import DELETION_FIELD_NAME
from django.utils.translation import gettext_lazy as _

from pgtrigger.errors import StaleError
from pgtrigger.triggers import registry
from pgtrigger.triggers.forecast import NOTHING, Forecast
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

    FormSet = BaseFormSet[BaseForm]
else:
    FormSet = BaseFormSet


def forecast(model: type[Model], row: Model | None = None) -> Forecast:
    """Return what the rules of a model, of its parents and proxies, will refuse.

    Args:
        row: the row as it is stored. Without it, or before it is saved: what is refused for
            every row, and the states that a new row may have.
    """
    stored = row if row is not None and not row._state.adding else None
    concrete = {each._meta.concrete_model for each in (model, *model._meta.get_parent_list())}
    known = NOTHING
    for owner, trigger in registry.registered():
        reports = isinstance(trigger, Rule) and trigger.reports
        if owner._meta.concrete_model in concrete and not reports:
            known |= trigger.forecast(owner, stored)
        other, field = trigger.maintains(owner) or (None, "")
        if other is not None and other._meta.concrete_model in concrete:
            known |= Forecast(read_only=frozenset([field]))
    return known


class RuledFormMixin(BaseForm):
    """A ModelForm that disables the fields that a rule protects, and offers only allowed states.

    A disabled field keeps its value: what the browser sends for it is not used. The form of a model
    with a ``Version`` carries the version from GET to POST in a hidden field, so that the form is
    not valid if somebody else has changed the object in the meantime.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        instance: Model = self.instance  # type: ignore[attr-defined]
        known = forecast(type(instance), instance)
        for name in known.read_only & self.fields.keys():
            self.fields[name].disabled = not instance._state.adding
        for name in known.states.keys() & self.fields.keys():
            _offer(self.fields[name], known.states[name])
        for _rule, name, attname in _version_rules(type(instance)):
            if not instance._state.adding:
                self.fields[name] = VersionField(initial=getattr(instance, attname))

    def _post_clean(self) -> None:
        """Django's hook after ``clean()``, which a form may have overridden."""
        super()._post_clean()  # type: ignore[misc]
        instance: Model = self.instance  # type: ignore[attr-defined]
        for rule, name, attname in _version_rules(type(instance)):
            version = self.cleaned_data.get(name)
            if version is None or not self.has_changed():
                continue
            if version != getattr(instance, attname):
                message = CHANGED if rule.message is None else rule.message
                self.add_error(None, ValidationError(message, rule.code or StaleError.rule))
            # save() sends it, so the save is refused if somebody changes the row from now on.
            setattr(instance, attname, version)


class VersionField(IntegerField):
    """The version that an object had when the form was shown."""

    widget = HiddenInput

    def __init__(self, **options: Any):
        super().__init__(required=False, **options)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Return False: it is not the user who changes it."""
        return False


CHANGED = _(
    "Somebody else has changed this in the meantime. Open it again, and repeat your change."
)


class RuledFormSetMixin(FormSet):
    """A formset of model forms that offers no deletion of a row that a rule keeps."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        row = form.instance
        if DELETION_FIELD_NAME in form.fields and not row._state.adding:
            form.fields[DELETION_FIELD_NAME].disabled = not forecast(type(row), row).is_deletable


def version_fields(model: type[Model]) -> dict[str, VersionField]:
    """Return the hidden fields of a form of this model, by name."""
    return {name: VersionField() for _rule, name, _attname in _version_rules(model)}


def _version_rules(model: type[Model]) -> Iterator[tuple[Version, str, str]]:
    """Yield each Version that refuses, the name of its hidden field, and the model's attribute."""
    concrete = {each._meta.concrete_model for each in (model, *model._meta.get_parent_list())}
    for owner, rule in registry.registered():
        if not isinstance(rule, Version) or rule.reports:
            continue
        if owner._meta.concrete_model in concrete:
            field = rule.version_field(owner)
            yield rule, f"{field.name}_when_read", field.attname


def _offer(field: Any, states: list[Any]) -> None:
    """Offer only these values; an empty choice stays if NULL is one of them."""
    if isinstance(field, ModelChoiceField):
        keys = [state for state in states if state is not None]
        queryset: Any = field.queryset
        field.queryset = queryset.filter(**{f"{field.to_field_name or 'pk'}__in": keys})
    elif isinstance(field, ChoiceField):
        allowed = {"" if state is None else str(state) for state in states}
        choices: Any = field.choices
        field.choices = [choice for choice in choices if str(choice[0]) in allowed]
