"""The page of all triggers, and the page of one model's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html

from pgtrigger.admin.firing import firing
from pgtrigger.admin.states import diagrams
from pgtrigger.admin.trigger_map import trigger_map
from pgtrigger.models import PgTrigger
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

    ModelAdmin = admin.ModelAdmin[PgTrigger]
else:
    ModelAdmin = admin.ModelAdmin


class TriggerAdmin(ModelAdmin):
    """All triggers that are declared or installed, for users with the permission to view them."""

    fields = ("name", "table", "enabled", "definition_sql", "function_sql")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: triggers are declared on models."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def get_urls(self) -> list[Any]:
        """Return the admin's addresses, and that of a model's rules."""
        rules = self.admin_site.admin_view(self.rules_view)
        return [path("rules/<str:label>/", rules, name="pgtrigger_rules"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show every trigger beside its declaration, also those that are not installed."""
        self._check_permission(request)
        search = request.GET.get("q", "").strip()
        installed = dict(PgTrigger.objects.values_list("name", "oid"))
        entries = [(entry, installed.get(entry.pgid)) for entry in trigger_map(search)]
        context = {"title": "Triggers", "entries": entries, "search": search}
        return self._page(request, "triggers", context)

    def rules_view(self, request: HttpRequest, label: str) -> HttpResponse:
        """Show when a model's triggers fire, and the states of its FSM rules."""
        self._check_permission(request)
        model = _ruled_model(label)
        context = {
            "title": f"Rules of {model._meta.label}",
            "firing": firing(model),
            "diagrams": diagrams(model),
            "triggers": PgTrigger.objects.on(model),
        }
        return self._page(request, "rules", context)

    def _check_permission(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        whole = self.admin_site.each_context(request) | {"opts": self.opts} | context
        return TemplateResponse(request, f"pgtrigger/{name}.html", whole)

    @admin.display(description="table")
    def table(self, obj: Any) -> str:
        """Return the table's name."""
        return str(obj.table)

    @admin.display(description="definition")
    def definition_sql(self, obj: Any) -> SafeString:
        """Return the statement that creates the trigger."""
        return format_html("<pre>{}</pre>", obj.definition)

    @admin.display(description="function")
    def function_sql(self, obj: Any) -> SafeString:
        """Return the statement that creates its function."""
        return format_html("<pre>{}</pre>", obj.function)


def _ruled_model(label: str) -> type[Model]:
    if label not in {model._meta.label for model, _ in registry.registered()}:
        raise Http404(f"{label} has no rules.")
    return apps.get_model(label)
