"""The pages of one object's timeline and of one event, and the timeline as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.admin.utils import quote, unquote
from django.http import Http404, StreamingHttpResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext as _

from pghistory.admin import exporting, presenting, urls, writes
from pghistory.admin.history_pages import HistoryPages
from pghistory.reading import revert

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase


def timeline_url(obj: Any, user: Any) -> str:
    """Return the address of an object's timeline; "" without one, or if the user may not see it."""
    if not urls.may_view_events(type(obj), user):
        return ""
    label = urls.tracked_label(type(obj))
    key = urls.key_text(obj.pk) if isinstance(obj.pk, tuple) else str(obj.pk)
    try:
        return reverse("admin:pghistory_timeline", args=[label, quote(key)])
    except NoReverseMatch:
        return ""


class TimelinePages(HistoryPages):
    """The pages of one object's events; the object may be gone."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        of_object, of_event = "<str:model>/<path:key>/", "<str:model>/<int:key>/"
        return [
            path(f"timeline/{of_object}", view(self.timeline_view), name="pghistory_timeline"),
            path(f"event/{of_event}", view(self.event_view), name="pghistory_event"),
            path(f"export/{of_object}", view(self.export_view), name="pghistory_export"),
            *super().get_urls(),
        ]

    def timeline_view(self, request: HttpRequest, model: str, key: str) -> HttpResponse:
        """The writes of an object, the newest first, grouped by transaction."""
        tracked = urls.tracked_model(model)
        obj = urls.unsaved(tracked, unquote(key))
        live = tracked._base_manager.filter(pk=obj.pk).first()
        self._check(request, tracked, "view", live)
        before = request.GET.get("before", "")
        page = presenting.page(self.get_queryset(request).tracks(obj), before)
        may_restore = self._may_restore(request, tracked, live)
        shown = writes.of(page.events)
        is_newest = bool(shown) and not before and live is not None
        own = [write for write in shown if not writes.is_related(write.shown.event)]
        current = own[0] if is_newest and own and _is_current(own[0]) else None
        address = self._reverse("pghistory_export", model, key)
        context = {
            "title": _("Timeline of %(object)s") % {"object": live or f"{model} {unquote(key)}"},
            "is_gone": live is None,
            "object_url": self._object_url(request, live),
            "restore_url": self._deletion_url(shown) if live is None and may_restore else "",
            "page": page,
            "more_url": "?" + urlencode({"before": page.next_key}),
            "groups": [
                {
                    "shown": group.shown,
                    "url": self._change_set_url(group.writes[0]),
                    "entries": [self._entry(each, may_restore, current) for each in group.writes],
                }
                for group in writes.by_transaction(shown)
            ],
            "exports": [(name, f"{address}?format={name}") for name in exporting.FORMATS],
        }
        return self._render(request, "pghistory/timeline.html", context)

    def event_view(self, request: HttpRequest, model: str, key: int) -> HttpResponse:
        """Show one event: what it changed, what it contains, who made it and where."""
        event = urls.event(model, str(key))
        live = urls.live(event)
        self._check(request, event.pgh_tracked_model, "view", live)
        found = self.get_queryset(request).across(type(event)).filter(pgh_id=event.pk).first()
        if found is None:
            raise Http404(f"There is no event {model}:{key}.")
        [write] = writes.of(presenting.shown([found]))
        may_restore = self._may_restore(request, event.pgh_tracked_model, live)
        context = {
            "title": _("Event %(label)s of %(object)s")
            % {"label": event.pgh_label, "object": live or found.pgh_obj_model},
            "entry": self._entry(write, may_restore, None),
            "home_url": self._home(event),
            "object_url": self._object_url(request, live),
            "change_set_url": self._change_set_url(write),
        }
        return self._render(request, "pghistory/event.html", context)

    def export_view(self, request: HttpRequest, model: str, key: str) -> HttpResponseBase:
        """An object's timeline as a file, in the order of time, sent while it is read."""
        tracked = urls.tracked_model(model)
        obj = urls.unsaved(tracked, unquote(key))
        self._check(request, tracked, "view", tracked._base_manager.filter(pk=obj.pk).first())
        chosen = exporting.FORMATS.get(request.GET.get("format", "csv"))
        if chosen is None:
            raise Http404(f"Formats are {', '.join(exporting.FORMATS)}.")
        lines = exporting.lines(self.get_queryset(request).tracks(obj), chosen)
        name = f"{model}-{unquote(key)}.{chosen.suffix}"
        return StreamingHttpResponse(
            exporting.as_stream(request, lines),
            content_type=f"{chosen.content_type}; charset=utf-8",
            headers={"Content-Disposition": content_disposition_header(True, name) or ""},
        )

    def _entry(
        self, write: writes.Write, may_restore: bool, current: writes.Write | None
    ) -> dict[str, Any]:
        event = write.shown.event
        is_offered = may_restore and write is not current and not writes.is_related(event)
        return {
            "write": write,
            "url": self._event_url(event),
            "revert_url": self._revert_url(event) if is_offered else "",
        }

    def _may_restore(self, request: HttpRequest, tracked: Any, live: Any) -> bool:
        return any(self._may(request, tracked, each, live) for each in ("change", "add"))

    def _revert_url(self, event: Any) -> str:
        if revert.missing_fields(apps.get_model(event.pgh_model)):
            return ""
        return self._reverse("pghistory_revert", event.pgh_model, event.pgh_id)

    def _deletion_url(self, shown: list[writes.Write]) -> str:
        """Return the address that restores the newest event of a deleted object."""
        own = [write for write in shown if not writes.is_related(write.shown.event)]
        return self._revert_url(own[0].shown.event) if own else ""

    def _change_set_url(self, write: writes.Write) -> str:
        if write.transaction is None:
            return ""
        event = write.shown.event
        return self._reverse("pghistory_change_set", event.pgh_model, event.pgh_id)


def _is_current(write: writes.Write) -> bool:
    """Return whether the object is as this event left it, so that there is nothing to restore."""
    event: Any = write.shown.event
    found = urls.event(event.pgh_model, str(event.pgh_id))
    if revert.missing_fields(type(found)):
        return False
    return bool(revert.plan(found).action == revert.NOTHING)
