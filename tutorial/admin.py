"""Every model of the tutorial in the admin. A refused write is shown as a message."""

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrity.admin import RefusedWritesMixin
from pghistory.admin import EventModelAdmin
from pgtrigger.admin import RuledAdmin, SoftDeletedAdmin
from pgtrigger.admin.rules import soft_deletion


class TutorialAdmin(RefusedWritesMixin, RuledAdmin):
    """A model with its rules, and every field in the list."""

    def get_list_display(self, request: HttpRequest) -> list[str]:
        fields = [field.name for field in self.model._meta.concrete_fields if not field.primary_key]
        return ["named", *fields]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """Return the fields that a new object takes, or all fields of an existing one."""
        shown = [field for field in self.model._meta.concrete_fields if not field.primary_key]
        return [field.name for field in shown if obj is not None or field.editable]

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fields = self.model._meta.concrete_fields
        ruled = set(super().get_readonly_fields(request, obj))
        return [field.name for field in fields if not field.editable or field.name in ruled]

    @admin.display(description="row")
    def named(self, obj: Model) -> str | SafeString:
        return str(obj)


class TutorialSoftDeletedAdmin(TutorialAdmin, SoftDeletedAdmin):
    """A model whose deletions only mark a row."""

    @admin.display(description="row")
    def named(self, obj: Model) -> str | SafeString:
        if getattr(obj, self.rule.field) == self.rule.value:
            return format_html("<s>{}</s> (deleted)", obj)
        return str(obj)


for model in apps.get_app_config("tutorial").get_models():
    if hasattr(model, "pgh_tracked_model"):
        admin.site.register(model, EventModelAdmin)
    elif model._meta.managed:
        admin.site.register(
            model, TutorialSoftDeletedAdmin if soft_deletion(model) else TutorialAdmin
        )
