"""Every model of the tutorial in the admin, where a broken rule is a message.

What a rule says beforehand is heeded beforehand: a field that it keeps is shown read-only, only the
states that can follow are offered, and what is soft-deleted is marked and can be taken back.
"""

from typing import Any

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

import pgtrigger
from integrity.admin import RefusedWritesMixin
from pghistory.admin import EventModelAdmin, ReadOnlyAdmin
from pgtrigger import administration
from tutorial.catalog import InstalledTrigger
from tutorial.rules import next_states, read_only_fields, soft_deletion


class RuledAdmin(RefusedWritesMixin, admin.ModelAdmin):
    """A model with its rules."""

    def get_list_display(self, request: HttpRequest) -> list[str]:
        fields = [field.name for field in self.model._meta.concrete_fields if not field.primary_key]
        return ["named", *fields]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Every field there is something to do with, or to see."""
        shown = [field for field in self.model._meta.concrete_fields if not field.primary_key]
        return [field.name for field in shown if obj is not None or field.editable]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields = self.model._meta.concrete_fields
        kept = {field.name for field in fields if not field.editable}
        if obj is not None:
            kept |= set(read_only_fields(self.model))
        return [field.name for field in fields if field.name in kept]

    def get_form(
        self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            for name, field in form.base_fields.items():
                allowed = next_states(self.model, name, getattr(obj, name))
                if allowed is not None and hasattr(field, "choices"):
                    field.choices = [choice for choice in field.choices if choice[0] in allowed]
        return form

    @admin.display(description="row")
    def named(self, obj: Model) -> str | SafeString:
        return str(obj)


class SoftDeletedAdmin(RuledAdmin):
    """Of a model whose deletions only mark a row: which are, and the way back."""

    actions = ["undelete"]

    @property
    def rule(self) -> pgtrigger.SoftDelete:
        rule = soft_deletion(self.model)
        assert rule is not None
        return rule

    def get_list_filter(self, request: HttpRequest) -> list[str]:
        return [self.rule.field]

    @admin.display(description="row")
    def named(self, obj: Model) -> str | SafeString:
        if getattr(obj, self.rule.field) == self.rule.value:
            return format_html("<s>{}</s> (deleted)", obj)
        return str(obj)

    @admin.action(description="Undelete selected %(verbose_name_plural)s")
    def undelete(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        name = self.rule.field
        field: Field[Any, Any] = self.model._meta.get_field(name)
        deleted = queryset.filter(**{name: self.rule.value})
        number = deleted.update(**{name: field.get_default()})
        self.message_user(request, f"Undeleted {number}.", messages.SUCCESS)


@admin.register(InstalledTrigger)
class InstalledTriggerAdmin(ReadOnlyAdmin):
    """The triggers that are in the database, to look at."""

    list_display = ["name", "table", "enabled", "status"]
    list_filter = ["enabled"]
    search_fields = ["name", "table"]
    fields = ["name", "table", "enabled", "status", "definition", "function"]
    readonly_fields = fields

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the status of all rows, which one query of the catalog finds out."""
        changes = super().get_changelist_instance(request)
        found = _statuses()
        for trigger in changes.result_list:
            trigger.found_status = found.get(trigger.name, "undeclared")
        return changes

    @admin.display(ordering="table")
    def table(self, obj: Any) -> str:
        return obj.table

    @admin.display
    def status(self, obj: Any) -> str:
        return getattr(obj, "found_status", None) or _statuses().get(obj.name, "undeclared")

    @admin.display
    def definition(self, obj: Any) -> SafeString:
        return format_html("<pre>{}</pre>", obj.definition)

    @admin.display
    def function(self, obj: Any) -> SafeString:
        return format_html("<pre>{}</pre>", obj.function)


def _statuses() -> dict[str, str]:
    return {entry.compiled.pgid: entry.status for entry in administration.entries()}


for model in apps.get_app_config("tutorial").get_models():
    if hasattr(model, "pgh_tracked_model"):
        admin.site.register(model, EventModelAdmin)
    elif model._meta.managed:
        admin.site.register(model, SoftDeletedAdmin if soft_deletion(model) else RuledAdmin)
