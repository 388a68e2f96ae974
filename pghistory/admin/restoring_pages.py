"""The pages that bring an object back: to what an event holds, or after its deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db import DatabaseError, transaction
from django.db.models import Exists, OuterRef
from django.http import Http404, HttpResponseRedirect
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import gettext as _

from pghistory.admin import presenting, urls
from pghistory.admin.history_pages import HistoryPages
from pghistory.reading import history, labels, revert
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

# How many of the newest events are searched for deletions at once: a table only grows.
SEARCHED = 10_000


def deleted_url(model: Any, user: Any) -> str:
    """Return the address of a model's deleted objects; "" if its events do not record deletions."""
    try:
        is_told = bool(history.witness(model).gone)
    except ValueError:
        return ""
    if not is_told or not urls.may_view_events(model, user):
        return ""
    try:
        return reverse("admin:pghistory_deleted", args=[urls.tracked_label(model)])
    except NoReverseMatch:
        return ""


class RestoringPages(HistoryPages):
    """Revert an object, and find one that was deleted."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("revert/<str:model>/<int:key>/", view(self.revert_view), name="pghistory_revert"),
            path("deleted/<str:model>/", view(self.deleted_view), name="pghistory_deleted"),
            *super().get_urls(),
        ]

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
        return self._render(request, "pghistory/revert.html", context)

    def _revert(self, request: HttpRequest, event: Any) -> None:
        try:
            with transaction.atomic(using=event._state.db):
                restored = event.revert()
        except revert.CannotRevert as error:
            self.message_user(request, str(error), messages.ERROR)
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            self.message_user(request, _("The database refused it: %s") % reason, messages.ERROR)
        else:
            self.message_user(request, _("%s was restored.") % restored, messages.SUCCESS)
            self.log_change(request, restored, f"Reverted to event {event.pk}")

    def deleted_view(self, request: HttpRequest, model: str) -> HttpResponse:
        """The objects of a model that were deleted, the last one first."""
        tracked = urls.tracked_model(model)
        self._check(request, tracked, "view")
        try:
            witness = history.witness(tracked)
        except ValueError as error:
            raise Http404(str(error)) from None
        before = request.GET.get("before", "")
        deletions, oldest = _deletions(witness, _key(before))
        keys = {event.pk: event for event in deletions}
        listed = self.get_queryset(request).across(witness.event_model).filter(pgh_id__in=keys)
        may_add = self._may(request, tracked, "add")
        context = {
            "title": _("Deleted: %(model)s") % {"model": tracked._meta.verbose_name_plural},
            "is_tracked": bool(witness.gone),
            "rows": [
                self._deleted(shown, keys[shown.event.pgh_id], may_add)
                for shown in presenting.shown(listed.order_by("-pgh_id"))
            ],
            "older_url": f"?before={oldest}" if oldest else "",
            "searched": SEARCHED,
        }
        return self._render(request, "pghistory/deleted.html", context)

    def _deleted(self, shown: presenting.Shown, deletion: Any, may_add: bool) -> dict[str, Any]:
        event = shown.event
        arguments = (event.pgh_model, event.pgh_id)
        has_change_set = may_add and getattr(deletion, "pgh_xact", None) is not None
        return {
            "shown": shown,
            "timeline_url": self._timeline_url(event.pgh_obj_model, event.pgh_obj_id),
            "restore_url": self._reverse("pghistory_revert", *arguments) if may_add else "",
            "undo_url": self._reverse("pghistory_undo", *arguments) if has_change_set else "",
        }


def _key(text: str) -> int | None:
    """Return the key of an event, None if the text is not one."""
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _deletions(witness: history.Witness, before: int | None) -> tuple[list[Any], int | None]:
    """Return the last events of deleted objects, among some of the newest events.

    Also return the key of the oldest event that was examined; None if there are no older ones.
    """
    events = witness.event_model._base_manager.order_by("-pgh_id")
    if before is not None:
        events = events.filter(pgh_id__lt=min(before, 2**63 - 1))
    searched = list(events.values_list("pgh_id", flat=True)[SEARCHED - 1 : SEARCHED])
    oldest = searched[0] if searched else None
    pairs = labels.identity(witness.event_model)
    same = {near.attname: OuterRef(near.attname) for near, _ in pairs}
    later = witness.event_model._base_manager.filter(**same, pgh_id__gt=OuterRef("pgh_id"))
    live = {far.attname: OuterRef(near.attname) for near, far in pairs}
    rows = inheritance.concrete(witness.event_model.pgh_tracked_model)._base_manager.filter(**live)
    found = events.filter(~Exists(later), ~Exists(rows), pgh_label__in=witness.gone)
    if oldest is not None:
        found = found.filter(pgh_id__gte=oldest)
    return list(found), oldest


def _live(event: Any) -> Any:
    """Return the row that a revert would write; None if it would not write one."""
    if revert.missing_fields(type(event)):
        return None
    manager = event.pgh_tracked_model._base_manager
    return manager.filter(pk=revert.instance(event).pk).first()
