"""The admin's list of all events.

The other pages are in ``timeline_pages``, ``change_set_pages`` and ``restoring_pages``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, PermissionDenied
from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from pghistory.admin import presenting, urls
from pghistory.admin.change_set_pages import ChangeSetPages
from pghistory.admin.changelist import EventsChangeList
from pghistory.admin.restoring_pages import RestoringPages
from pghistory.admin.timeline_pages import TimelinePages
from pghistory.config import settings

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


def events_url(model: Any, user: Any) -> str:
    """Return the address of a tracked model's events; "" if the user may not see them."""
    if not urls.may_view_events(model, user):
        return ""
    options = settings.admin_model._meta
    try:
        page = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    except NoReverseMatch:
        return ""
    return f"{page}?{urlencode({'model': urls.tracked_label(model)})}"


class EventsAdmin(TimelinePages, ChangeSetPages, RestoringPages):
    """The pages of all events, timelines, change sets and reverts.

    ``list_display`` and ``ordering`` are PGHISTORY_ADMIN_LIST_DISPLAY and PGHISTORY_ADMIN_ORDERING
    unless a subclass sets them; ``list_filter`` and ``search_fields`` work as in any ModelAdmin.
    """

    list_display = ()

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return super().get_object(request, object_id.replace("\0", ""), from_field)

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display or settings.admin_list_display

    def get_ordering(self, request: HttpRequest) -> Any:
        return self.ordering or settings.admin_ordering

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return EventsChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the newest events; the query may select a model or a label."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            changelist: Any = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        columns = self.get_list_display(request)
        page = presenting.Page([], "")
        if changelist.is_chosen or settings.admin_all_events:
            related = [name for name in columns if self._relation(name)]
            events = changelist.queryset.prefetch_related(*related)
            before = request.GET.get("before", "")
            page = presenting.page(events, before, self.get_ordering(request))
        context = {
            "title": _("Events"),
            "is_list": True,
            "cl": changelist,
            "columns": [self._title(name) for name in columns],
            "rows": [
                (
                    self._timeline_url(shown.event.pgh_obj_model, shown.event.pgh_obj_id),
                    self._event_url(shown.event),
                    [(name, self._cell(shown, name)) for name in columns],
                )
                for shown in page.events
            ],
            "models": urls.labels(),
            "page": page,
            "more_url": changelist.get_query_string({"before": page.next_key}),
            "back_url": urls.own_path(request, request.GET.get("back", "")),
        }
        return self._render(request, "pghistory/events.html", {**context, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Redirect from the address that Django's admin gives an event."""
        event = urls.event(*unquote(object_id).rpartition(":")[::2])
        return HttpResponseRedirect(self._reverse("pghistory_event", event._meta.label, event.pk))

    def _relation(self, name: Any) -> Any:
        """Return the relation of a column; None for other columns."""
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return None
        return field if field.is_relation else None

    def _title(self, name: Any) -> str:
        """Return the title of a column, which is a field, a method or a function."""
        method = name if callable(name) else getattr(self, name, None)
        try:
            field: Any = self.opts.get_field(name)
            title = field.verbose_name
        except FieldDoesNotExist:
            text = getattr(name, "__name__", str(name)).strip("_").replace("_", " ")
            title = getattr(method, "short_description", text)
        return str(title).removeprefix("pgh ").capitalize()

    def _cell(self, shown: presenting.Shown, name: Any) -> Any:
        if name == "pgh_diff":
            return shown.changes
        method = name if callable(name) else getattr(self, name, None)
        if callable(method):
            return method(shown.event)
        relation = self._relation(name)
        try:
            value = getattr(shown.event, name, "")
        except ObjectDoesNotExist:
            value = None
        if relation and value is None:
            # The row that it points to is gone: show the key.
            return getattr(shown.event, relation.attname)
        return value() if callable(value) else value
