"""The admin's pages of events: all of them, the timeline of an object, and the way back.

Whoever may view Events and the object's model sees its timeline; a revert needs the permission to
change the object, or to add it where it is gone. Where the model is in the admin too, its own
ModelAdmin says who may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist, PermissionDenied
from django.db import DatabaseError, transaction
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from pghistory import config
from pghistory.admin import presenting, urls, writes
from pghistory.admin.changelist import EventsChangeList
from pghistory.admin.options import ReadOnlyAdmin
from pghistory.reading import revert
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class EventsAdmin(ReadOnlyAdmin):
    """All events, the timeline of an object, and Revert.

    ``list_display`` and ``ordering`` are the settings' ADMIN_LIST_DISPLAY and ADMIN_ORDERING unless
    a subclass says otherwise; its ``list_filter`` and ``search_fields`` do what they do elsewhere.
    """

    list_display = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        found = config.admin_queryset()
        return found if found is not None else super().get_queryset(request)

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        return super().get_object(request, object_id.replace("\0", ""), from_field)

    def get_list_display(self, request: HttpRequest) -> Any:
        return self.list_display or config.admin_list_display()

    def get_ordering(self, request: HttpRequest) -> Any:
        return self.ordering or config.admin_ordering()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return EventsChangeList

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path(
                "timeline/<str:model>/<path:key>/",
                view(self.timeline_view),
                name="pghistory_timeline",
            ),
            path("revert/<str:model>/<int:key>/", view(self.revert_view), name="pghistory_revert"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The newest events, of one model or label where the query asks for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            changelist: Any = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        columns = self.get_list_display(request)
        page = presenting.Page([], "")
        if changelist.is_chosen or config.admin_all_events():
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
                    self._timeline(shown.event.pgh_obj_model, shown.event.pgh_obj_id),
                    [(name, self._cell(shown, name)) for name in columns],
                )
                for shown in page.events
            ],
            "models": urls.labels(),
            "page": page,
            "more_url": changelist.get_query_string({"before": page.next_key}),
            "back_url": urls.own_path(request, request.GET.get("back", "")),
        }
        return self._render(request, "events", {**context, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """An event's own page is its object's timeline."""
        event = urls.event(*unquote(object_id).rpartition(":")[::2])
        return HttpResponseRedirect(self._home(event))

    def timeline_view(self, request: HttpRequest, model: str, key: str) -> HttpResponse:
        """What happened to one object, which may be gone."""
        tracked = urls.tracked_model(model)
        obj = urls.unsaved(tracked, unquote(key))
        live = tracked._base_manager.filter(pk=obj.pk).first()
        self._check(request, tracked, "view", live)
        events = self.get_queryset(request).tracks(obj)
        page = presenting.page(events, request.GET.get("before", ""))
        may_revert = any(self._may(request, tracked, each, live) for each in ("change", "add"))
        context = {
            "title": _("Timeline of %(object)s") % {"object": live or f"{model} {unquote(key)}"},
            "is_gone": live is None,
            "object_url": self._object_url(request, live),
            "page": page,
            "more_url": "?" + urlencode({"before": page.next_key}),
            "entries": [
                (write, self._revert_url(write.shown.event) if may_revert else "")
                for write in writes.of(page.events)
            ],
        }
        return self._render(request, "timeline", context)

    def revert_view(self, request: HttpRequest, model: str, key: int) -> HttpResponse:
        """The plan of a revert, and on POST the revert itself."""
        event = urls.event(model, str(key))
        plan = event.revert(dry_run=True)
        permission = "add" if plan.action == revert.INSERT else "change"
        self._check(request, event.pgh_tracked_model, permission, _live(event))
        home = self._home(event)
        if request.method == "POST":
            self._revert(request, event)
            return HttpResponseRedirect(home)
        context = {"title": _("Revert"), "event": event, "plan": plan, "home_url": home}
        return self._render(request, "revert", context)

    def _revert(self, request: HttpRequest, event: Any) -> None:
        try:
            with transaction.atomic(using=event._state.db):
                restored = event.revert()
        except revert.CannotRevert as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        except DatabaseError as refusal:
            reason = str(refusal).partition("\n")[0]
            self.message_user(request, _("The database refused it: %s") % reason, messages.ERROR)
        else:
            self.message_user(request, _("%s was restored.") % restored, messages.SUCCESS)
            self.log_change(request, restored, f"Reverted to event {event.pk}")

    def _check(self, request: HttpRequest, model: Any, permission: str, obj: Any) -> None:
        if not (self.has_view_permission(request) and self._may(request, model, permission, obj)):
            raise PermissionDenied

    def _may(self, request: HttpRequest, model: Any, permission: str, obj: Any) -> bool:
        """Whether the model's own admin allows it; where it has none, the user's permissions."""
        for registered in (model, inheritance.concrete(model)):
            if self.admin_site.is_registered(registered):
                own = self.admin_site.get_model_admin(registered)
                if permission == "add":
                    return own.has_add_permission(request)
                return bool(getattr(own, f"has_{permission}_permission")(request, obj))
        name = f"{model._meta.app_label}.{permission}_{model._meta.model_name}"
        return bool(request.user.has_perm(name))

    def _render(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        everywhere = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"pghistory/{name}.html", {**everywhere, **context})

    def _reverse(self, name: str, *arguments: Any) -> str:
        return reverse(f"admin:{name}", args=arguments, current_app=self.admin_site.name)

    def _timeline(self, label: str, key: str | None) -> str:
        return self._reverse("pghistory_timeline", label, quote(key)) if key is not None else ""

    def _home(self, event: Any) -> str:
        """Where an event is shown: its object's timeline, or the events of its model."""
        label = event.pgh_tracked_model._meta.label
        events = self._reverse(f"{self.opts.app_label}_{self.opts.model_name}_changelist")
        timeline = self._timeline(label, urls.object_key(event))
        return timeline or f"{events}?{urlencode({'model': label})}"

    def _revert_url(self, event: Any) -> str:
        if revert.missing_fields(apps.get_model(event.pgh_model)):
            return ""
        return self._reverse("pghistory_revert", event.pgh_model, event.pgh_id)

    def _object_url(self, request: HttpRequest, obj: Any) -> str:
        if obj is None or not self.admin_site.is_registered(type(obj)):
            return ""
        options = obj._meta
        return self._reverse(f"{options.app_label}_{options.model_name}_change", quote(obj.pk))

    def _relation(self, name: Any) -> Any:
        """The relation that a column shows."""
        try:
            field = self.opts.get_field(name)
        except FieldDoesNotExist:
            return None
        return field if field.is_relation else None

    def _title(self, name: Any) -> str:
        """A column's title, of a field, a method or a function."""
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
            # What it points to is gone, and its key is left.
            return getattr(shown.event, relation.attname)
        return value() if callable(value) else value


def _live(event: Any) -> Any:
    """The row that a revert would write; None where there is none."""
    if revert.missing_fields(type(event)):
        return None
    manager = event.pgh_tracked_model._base_manager
    return manager.filter(pk=revert.instance(event).pk).first()
