"""History in Django's admin: all events, an object's timeline, and the way back.

Whoever may view Events and the object's model sees its timeline; a revert needs the permission to
change the object, or to add it where it is gone. An event that is not there is a 404.

https://docs.djangoproject.com/en/stable/ref/contrib/admin/
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import DatabaseError, transaction
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _

from pghistory import config, event_models, inheritance, presenting, restoring

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(ModelAdmin):
    """Nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventModelAdmin(ReadOnlyAdmin):
    """The admin of one event model."""

    list_display = ("pgh_created_at", "pgh_label", "pgh_obj_id")
    list_filter = ("pgh_label",)
    ordering = ("-pgh_id",)
    show_full_result_count = False


class EventsAdmin(ReadOnlyAdmin):
    """All events, the timeline of an object, and Revert."""

    def get_queryset(self, request: HttpRequest) -> Any:
        found = config.admin_queryset()
        return found if found is not None else super().get_queryset(request)

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
        events = self.get_queryset(request)
        chosen = {name: request.GET.get(name, "") for name in ("model", "label")}
        if chosen["model"] in _labels():
            events = events.across(chosen["model"])
        if chosen["label"]:
            events = events.filter(pgh_label=chosen["label"].replace("\0", ""))
        is_chosen = any(chosen.values())
        page = (
            presenting.page(events, request.GET.get("before", ""), config.admin_ordering())
            if is_chosen or config.admin_all_events()
            else presenting.Page([], "")
        )
        columns = config.admin_list_display()
        context = {
            "title": _("Events"),
            "is_list": True,
            "columns": [self._title(name) for name in columns],
            "rows": [
                (
                    self._timeline(shown.event.pgh_obj_model, shown.event.pgh_obj_id),
                    [(name, self._cell(shown, name)) for name in columns],
                )
                for shown in page.events
            ],
            "models": _labels(),
            "chosen": chosen,
            "page": page,
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
        event = _event(*unquote(object_id).rpartition(":")[::2])
        return HttpResponseRedirect(self._timeline(event.pgh_tracked_model, _object_key(event)))

    def timeline_view(self, request: HttpRequest, model: str, key: str) -> HttpResponse:
        """What happened to one object, which may be gone."""
        tracked = _tracked(model)
        obj = _unsaved(tracked, unquote(key))
        self._check(request, tracked, "view")
        live = tracked._base_manager.filter(pk=obj.pk).first()
        events = self.get_queryset(request).tracks(obj)
        page = presenting.page(events, request.GET.get("before", ""))
        context = {
            "title": _("Timeline of %(object)s") % {"object": live or f"{model} {unquote(key)}"},
            "is_gone": live is None,
            "object_url": self._object_url(request, live),
            "page": page,
            "entries": [
                (shown, self._revert_url(request, shown.event, tracked)) for shown in page.events
            ],
        }
        return self._render(request, "timeline", context)

    def revert_view(self, request: HttpRequest, model: str, key: int) -> HttpResponse:
        """The plan of a revert, and on POST the revert itself."""
        event = _event(model, str(key))
        plan = event.revert(dry_run=True)
        self._check(request, event.pgh_tracked_model, _permission(plan))
        timeline = self._timeline(event.pgh_tracked_model, _object_key(event))
        if request.method == "POST":
            self._revert(request, event)
            return HttpResponseRedirect(timeline)
        context = {
            "title": _("Revert"),
            "event": event,
            "plan": plan,
            "timeline_url": timeline,
        }
        return self._render(request, "revert", context)

    def _revert(self, request: HttpRequest, event: Any) -> None:
        try:
            with transaction.atomic(using=event._state.db):
                restored = event.revert()
        except restoring.CannotRevert as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        except DatabaseError as refusal:
            reason = str(refusal).partition("\n")[0]
            self.message_user(request, _("The database refused it: %s") % reason, messages.ERROR)
        else:
            self.message_user(request, _("%s was restored.") % restored, messages.SUCCESS)
            self.log_change(request, restored, f"Reverted to event {event.pk}")

    def _check(self, request: HttpRequest, model: Any, permission: str) -> None:
        if not (self.has_view_permission(request) and _may(request, model, permission)):
            raise PermissionDenied

    def _render(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        everywhere = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"pghistory/{name}.html", {**everywhere, **context})

    def _timeline(self, model: Any, key: str | None) -> str:
        label = model if isinstance(model, str) else model._meta.label
        arguments = [label, quote(key or "None")]
        return reverse("admin:pghistory_timeline", args=arguments, current_app=self.admin_site.name)

    def _revert_url(self, request: HttpRequest, event: Any, tracked: Any) -> str:
        event_model = apps.get_model(event.pgh_model)
        may = _may(request, tracked, "change") or _may(request, tracked, "add")
        if not may or restoring.missing_fields(event_model):
            return ""
        arguments = [event.pgh_model, event.pgh_id]
        return reverse("admin:pghistory_revert", args=arguments, current_app=self.admin_site.name)

    def _object_url(self, request: HttpRequest, obj: Any) -> str:
        if obj is None or not self.admin_site.is_registered(type(obj)):
            return ""
        name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
        return reverse(name, args=[quote(obj.pk)], current_app=self.admin_site.name)

    def _title(self, name: str) -> str:
        try:
            title: Any = self.model._meta.get_field(name).verbose_name
        except FieldDoesNotExist:
            method = getattr(self, name, None)
            title = getattr(method, "short_description", name.replace("_", " "))
        return str(title).removeprefix("pgh ").capitalize()

    def _cell(self, shown: presenting.Shown, name: str) -> Any:
        if name == "pgh_diff":
            return shown.changes
        method = getattr(self, name, None)
        return method(shown.event) if callable(method) else getattr(shown.event, name, "")


def timeline_url(obj: Any, user: Any) -> str:
    """The page of an object's timeline; nothing where there is none, or not for this user."""
    tracked = getattr(obj, "pgh_event_models", None)
    model = config.admin_model()
    permission = f"{model._meta.app_label}.view_{model._meta.model_name}"
    if not tracked or not user.has_perm(permission):
        return ""
    label = next(iter(tracked.values())).pgh_tracked_model._meta.label
    try:
        return reverse("admin:pghistory_timeline", args=[label, quote(str(obj.pk))])
    except NoReverseMatch:
        return ""


def _labels() -> list[str]:
    """The tracked models."""
    labels = {each.pgh_tracked_model._meta.label for each in event_models.all_event_models()}
    return sorted(labels)


def _tracked(label: str) -> Any:
    if label not in _labels():
        raise Http404(f"{label} is not tracked.")
    return apps.get_model(label)


def _event(label: str, key: str) -> Any:
    """The event of an event model's label and a key."""
    found = next(
        (each for each in event_models.all_event_models() if each._meta.label == label), None
    )
    if found is None or not key.isdecimal() or int(key) >= 2**63:
        raise Http404(f"There is no event {label}:{key}.")
    return get_object_or_404(found, pk=int(key))


def _unsaved(model: Any, key: str) -> Any:
    """An object of that key, whether or not there is a row of it."""
    parts = inheritance.composite_key(model)
    try:
        if "\0" in key:
            raise ValueError
        if not parts:
            return model(pk=model._meta.pk.to_python(key))
        values = dict(zip((part.attname for part in parts), json.loads(key), strict=True))
        return model(**values)
    except (ValidationError, ValueError, TypeError):
        raise Http404(f"{key!r} is no key of {model._meta.label}.") from None


def _object_key(event: Any) -> str:
    parts = inheritance.composite_key(event.pgh_tracked_model)
    if parts:
        return json.dumps([getattr(event, part.attname) for part in parts])
    return str(event.pgh_obj_id)


def _permission(plan: restoring.Plan) -> str:
    return "add" if plan.action == restoring.INSERT else "change"


def _may(request: HttpRequest, model: Any, permission: str) -> bool:
    name = f"{model._meta.app_label}.{permission}_{model._meta.model_name}"
    return bool(request.user.has_perm(name))


if not admin.site.is_registered(config.admin_model()):
    admin.site.register(config.admin_model(), config.admin_class())
