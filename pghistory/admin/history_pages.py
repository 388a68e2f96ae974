"""The base of the history pages: permissions, addresses and rendering.

A user who may view Events and an object's model sees its timeline. To restore an object, the
permission to change it is needed, or to add it if it is gone. If the model is in the admin, its own
ModelAdmin answers; otherwise the user's permissions do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode

from pghistory.admin import urls
from pghistory.admin.options import ReadOnlyAdmin
from pghistory.config import settings
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class HistoryPages(ReadOnlyAdmin):
    """The base of the pages of history."""

    def get_queryset(self, request: HttpRequest) -> Any:
        found = settings.admin_queryset
        return found if found is not None else super().get_queryset(request)

    def _check(self, request: HttpRequest, model: Any, permission: str, obj: Any = None) -> None:
        if not (self.has_view_permission(request) and self._may(request, model, permission, obj)):
            raise PermissionDenied

    def _may(self, request: HttpRequest, model: Any, permission: str, obj: Any = None) -> bool:
        """Return whether the model's own admin allows it; without one, the user's permissions."""
        for registered in (model, inheritance.concrete(model)):
            if self.admin_site.is_registered(registered):
                own = self.admin_site.get_model_admin(registered)
                if permission == "add":
                    return own.has_add_permission(request)
                return bool(getattr(own, f"has_{permission}_permission")(request, obj))
        name = f"{model._meta.app_label}.{permission}_{model._meta.model_name}"
        return bool(request.user.has_perm(name))

    def _render(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        everywhere = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, template, {**everywhere, **context})

    def _reverse(self, name: str, *arguments: Any) -> str:
        return reverse(f"admin:{name}", args=arguments, current_app=self.admin_site.name)

    def _timeline_url(self, label: str, key: str | None) -> str:
        return self._reverse("pghistory_timeline", label, quote(key)) if key is not None else ""

    def _event_url(self, event: Any) -> str:
        """Return the address of an event of ``Events``."""
        return self._reverse("pghistory_event", event.pgh_model, event.pgh_id)

    def _home(self, event: Any) -> str:
        """Return the address of an event: its object's timeline, or the events of its model."""
        label = event.pgh_tracked_model._meta.label
        events = self._reverse(f"{self.opts.app_label}_{self.opts.model_name}_changelist")
        timeline = self._timeline_url(label, urls.object_key(event))
        return timeline or f"{events}?{urlencode({'model': label})}"

    def _object_url(self, request: HttpRequest, obj: Any) -> str:
        if obj is None or not self.admin_site.is_registered(type(obj)):
            return ""
        options = obj._meta
        return self._reverse(f"{options.app_label}_{options.model_name}_change", quote(obj.pk))
