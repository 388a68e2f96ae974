"""ModelAdmins whose forms respect the rules of their model before PostgreSQL refuses a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.forms import BaseForm, BaseFormSet, HiddenInput
from django.utils.html import format_html, format_html_join

from pgtrigger.admin.rules import soft_deletion
from pgtrigger.forms import RuledFormMixin, RuledFormSetMixin, forecast, version_fields
from pgtrigger.triggers.soft_delete import undelete

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from pgtrigger.triggers.forecast import Forecast
    from pgtrigger.triggers.soft_delete import SoftDelete

    ModelAdmin = admin.ModelAdmin[Model]
    InlineModelAdmin = admin.options.InlineModelAdmin[Model, Model]
    FormSet = BaseFormSet[BaseForm]
else:
    ModelAdmin = admin.ModelAdmin
    InlineModelAdmin = admin.options.InlineModelAdmin
    FormSet = BaseFormSet


class RuledAdmin(ModelAdmin):
    """A ModelAdmin whose pages do not offer what a rule of the model would refuse."""

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the fields of ``readonly_fields``, and those that a rule keeps as they are."""
        declared = list(super().get_readonly_fields(request, obj))
        if obj is None:
            return declared
        kept = _forecast(request, self.model, obj).read_only
        fields = [field.name for field in self.model._meta.concrete_fields if field.name in kept]
        return [*declared, *(name for name in fields if name not in declared)]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Return the form, with only those choices of a state that may follow the object's."""
        kwargs.setdefault("form", _ruled(kwargs.get("form", self.form), self.model))
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the fieldsets, and one with the hidden version of an object that has one."""
        is_shown = obj is not None and self.has_change_permission(request, obj)
        return _with_version(super().get_fieldsets(request, obj), self.model, is_shown=is_shown)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the form of a row of the list, which respects that row's rules."""
        form: Any = super().get_changelist_form(request, **kwargs)
        return type(form.__name__, (RuledFormMixin, form), {})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the formset of ``list_editable``, with the hidden version of each row."""
        formset: Any = super().get_changelist_formset(request, **kwargs)
        return type(formset.__name__, (_VersionedRowsMixin, formset), {})

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False if a rule refuses the deletion, so that there is no Delete button."""
        has_permission = super().has_delete_permission(request, obj)
        return has_permission and _forecast(request, self.model, obj).is_deletable


class _VersionedRowsMixin(FormSet):
    """The formset of a list page. Django's template renders no hidden field but the key."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        names = [name for name in version_fields(type(form.instance)) if name in form.fields]
        if names:
            key = form.fields[type(form.instance)._meta.pk.name]
            key.widget = _KeyAndVersion(form, names)


class _KeyAndVersion(HiddenInput):
    """The hidden input of a row's key, followed by those of its versions."""

    def __init__(self, form: Any, names: list[str]):
        super().__init__()
        self.form, self.names = form, names

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        key = super().render(name, value, attrs, renderer)
        versions = format_html_join("", "{}", ((self.form[each],) for each in self.names))
        return format_html("{}{}", key, versions)


class RuledInlineMixin(InlineModelAdmin):
    """An inline whose rows do not offer what a rule of the model would refuse."""

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        """Return the formset, whose forms respect the rules of their rows."""
        kwargs.setdefault("form", _ruled(self.form, self.model))
        formset: Any = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (RuledFormSetMixin, formset), {})

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Return the fieldsets, and one with the hidden versions of the rows."""
        is_shown = obj is not None and self.has_change_permission(request, obj)
        return _with_version(super().get_fieldsets(request, obj), self.model, is_shown=is_shown)


def _ruled(form: Any, model: type[Model]) -> Any:
    """Return the form with the mixin, and with the hidden field of a version."""
    return type(form.__name__, (RuledFormMixin, form), dict(version_fields(model)))


def _with_version(fieldsets: Any, model: type[Model], *, is_shown: bool) -> list[Any]:
    """Return the fieldsets; if ``is_shown``, with a last one for the hidden version fields."""
    names = list(version_fields(model))
    if not names:
        return list(fieldsets)
    others = [
        (title, {**options, "fields": [each for each in options["fields"] if each not in names]})
        for title, options in fieldsets
    ]
    return [*others, (None, {"fields": names})] if is_shown else others


def _forecast(request: HttpRequest, model: type[Model], row: Model | None) -> Forecast:
    """Return the forecast. It is kept for the request, in which the admin asks several times."""
    known = request.__dict__.setdefault("_pgtrigger_forecasts", {})
    key = (request.method, model, row and row.pk)
    if key not in known:
        known[key] = forecast(model, row)
    found: Forecast = known[key]
    return found


class SoftDeletedAdmin(RuledAdmin):
    """A RuledAdmin of a model with a SoftDelete rule: a filter, and an action that undeletes."""

    actions = ("undelete",)

    @property
    def rule(self) -> SoftDelete:
        """Return the SoftDelete of the model. Raise LookupError if it does not have one."""
        rule = soft_deletion(self.model)
        if rule is None:
            raise LookupError(
                f"{self.model._meta.label} has no SoftDelete rule: use RuledAdmin for it."
            )
        return rule

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return ``list_filter``, and the field that marks deleted rows."""
        return [*super().get_list_filter(request), self.rule.field]

    @admin.action(description="Undelete selected %(verbose_name_plural)s", permissions=["change"])
    def undelete(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        """Restore the selected deleted rows, and what was deleted together with them."""
        number = 0
        for row in queryset.filter(self.rule.deleted(self.model)):
            number += sum(undelete(row).values())
        self.message_user(request, f"Undeleted {number}.", messages.SUCCESS)
