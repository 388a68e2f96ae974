"""Every model of the tutorial in the admin. A refused write is shown as a message."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from integrity.admin import RefusedWritesMixin
from pghistory.admin import EventModelAdmin
from pgtrigger.admin import RuledAdmin, SoftDeletedAdmin
from pgtrigger.admin.rules import soft_deletion
from tutorial.chapters import all_chapters

# The models stand as they are documented, so their names in the admin are set here.
PLURALS = {
    "AppendOnly": "append-only rows",
    "Batch": "batches",
    "CannotDelete": "rows that cannot be deleted",
    "FSM": "rows with a status",
    "OfficialInterface": "rows with an official interface",
    "ReadOnlyField": "rows with a read-only field",
    "ReadOnlyFields": "rows with several read-only fields",
    "SoftDelete": "soft-deleted rows",
    "Tracked": "tracked rows",
    "User": "users with a unique email",
    "Versioned": "versioned rows",
}

admin.site.site_header = admin.site.site_title = "Rules in the database"
admin.site.index_title = "The models of each chapter"
admin.site.index_template = "tutorial/admin_index.html"


class TutorialAdmin(RefusedWritesMixin, RuledAdmin):
    """A model with its rules, and every field in the list."""

    change_list_template = "tutorial/admin_change_list.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        chapters = [chapter for chapter in all_chapters() if self.model in chapter.models]
        context = {"tutorial_chapters": chapters, **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        fields = [field.name for field in self.model._meta.concrete_fields if not field.primary_key]
        return ["named", *fields]

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
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
        if getattr(obj, str(self.rule.field)) == self.rule.value:
            return format_html("<s>{}</s> (deleted)", obj)
        return str(obj)


for model in apps.get_app_config("tutorial").get_models():
    if model.__name__ in PLURALS:
        model._meta.verbose_name_plural = PLURALS[model.__name__]
    if hasattr(model, "pgh_tracked_model"):
        admin.site.register(model, EventModelAdmin)
    elif model._meta.managed:
        admin.site.register(
            model, TutorialSoftDeletedAdmin if soft_deletion(model) else TutorialAdmin
        )
