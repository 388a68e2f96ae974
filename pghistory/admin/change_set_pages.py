"""The pages of a change set: what one transaction or one request changed, and undoing it.

They show events of models that the user may view, and count the others. Undoing needs permission
for each row: to delete what was inserted, to add what was deleted, to change what was updated.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, router
from django.db.models import Q
from django.http import Http404, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pghistory.admin import presenting, urls, writes
from pghistory.admin.history_pages import HistoryPages
from pghistory.changes import undoing
from pghistory.changes.change_set import ChangeSet
from pghistory.writing.context import context as open_context

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest, HttpResponse

# How many events a page shows and a request undoes. For more, a project needs a command.
SHOWN = 200
UNDONE = 1_000


@dataclass(frozen=True)
class _Address:
    """The address of a change set: one of its events, or its context."""

    model: str = ""
    key: int = 0
    context_id: Any = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (self.context_id,) if self.context_id else (self.model, self.key)


class ChangeSetPages(HistoryPages):
    """The pages of what one transaction or one context changed."""

    def get_urls(self) -> list[Any]:
        show, undo = map(self.admin_site.admin_view, (self.change_set_view, self.undo_view))
        of_event, of_context = "<str:model>/<int:key>/", "<uuid:context_id>/"
        return [
            path(f"change-set/{of_event}", show, name="pghistory_change_set"),
            path(f"context/{of_context}", show, name="pghistory_change_set_of_context"),
            path(f"undo/{of_event}", undo, name="pghistory_undo"),
            path(f"undo-context/{of_context}", undo, name="pghistory_undo_of_context"),
            *super().get_urls(),
        ]

    def change_set_view(self, request: HttpRequest, **named: Any) -> HttpResponse:
        """The writes of a change set, by object."""
        address = _Address(**named)
        changes = self._change_set(address)
        context: dict[str, Any] = {"title": _("Change set"), "slow": _slow(changes)}
        context["advice"] = _("Build the index: manage.py pghistory upgrade")
        if changes.context_id:
            context["advice"] = _("Give pgh_context_id an index: ContextUUIDField(db_index=True)")
        if not context["slow"]:
            context |= self._contents(request, changes)
            undo_url = self._change_set_address("pghistory_undo", address)
            context["undo_url"] = undo_url if context["may_undo"] else ""
        return self._render(request, "pghistory/change_set.html", context)

    def undo_view(self, request: HttpRequest, **named: Any) -> HttpResponse:
        """The plan of an undo, and on POST the undo itself."""
        address = _Address(**named)
        changes = self._change_set(address)
        home = self._change_set_address("pghistory_change_set", address)
        if _slow(changes):
            return HttpResponseRedirect(home)
        found = _events(changes, UNDONE)
        self._check_models({type(event) for event in found}, request)
        context: dict[str, Any] = {"title": _("Undo"), "home_url": home, "most": UNDONE}
        if len(found) > UNDONE:
            return self._render(request, "pghistory/undo.html", context)
        plan = changes.undo(dry_run=True)
        self._check_steps(request, plan)
        if request.method == "POST":
            self._undo(request, changes, address)
            return HttpResponseRedirect(home)
        listed = presenting.shown(self._listed(request, [step.event for step in plan.steps]))
        changes_of = {shown.event.pgh_slug: shown.changes for shown in listed}
        context |= {
            "plan": plan,
            "steps": [self._step(step, changes_of) for step in plan.steps],
            "conflicts": [self._conflict(request, each) for each in plan.conflicts],
        }
        return self._render(request, "pghistory/undo.html", context)

    def _change_set(self, address: _Address) -> ChangeSet:
        """Return the change set on the database that is written to: a replica cannot undo."""
        if address.context_id:
            return ChangeSet.for_context(address.context_id, using=router.db_for_write(self.model))
        event = urls.event(address.model, str(address.key))
        try:
            return ChangeSet.of(event, using=router.db_for_write(type(event), instance=event))
        except ValueError as error:
            raise Http404(str(error)) from None

    def _change_set_address(self, name: str, address: _Address) -> str:
        suffix = "_of_context" if address.context_id else ""
        return self._reverse(f"{name}{suffix}", *address.arguments)

    def _contents(self, request: HttpRequest, changes: ChangeSet) -> dict[str, Any]:
        events = _events(changes, SHOWN)
        may_view = functools.cache(
            lambda *of: self._may(request, of[0], "view", urls.live_row(*of))
        )
        allowed = [
            each
            for each in events[:SHOWN]
            if may_view(each.pgh_tracked_model, urls.object_key(each))
        ]
        entries = presenting.shown(self._listed(request, allowed))
        groups = [
            {
                "name": f"{shown[0].event.pgh_obj_model} {shown[0].event.pgh_obj_id or ''}".strip(),
                "url": self._timeline_url(shown[0].event.pgh_obj_model, shown[0].event.pgh_obj_id),
                "writes": [
                    {"write": write, "url": self._event_url(write.shown.event)}
                    for write in writes.of(shown)
                ],
            }
            for shown in _by_object(entries)
        ]
        hidden = len(events[:SHOWN]) - len(allowed)
        return {
            "objects": groups,
            "first": entries[0] if entries else None,
            "hidden": hidden,
            "has_more": len(events) > SHOWN,
            "most": SHOWN,
            "may_undo": bool(allowed) and not hidden and self._may_undo(request, allowed),
        }

    def _listed(self, request: HttpRequest, events: list[Any]) -> list[Any]:
        """Return the same events from ``Events``, with differences, in the same order."""
        if not events:
            return []
        keys: dict[Any, list[int]] = {}
        for event in events:
            keys.setdefault(type(event), []).append(event.pk)
        chosen = Q()
        for event_model, ids in keys.items():
            chosen |= Q(pgh_model=event_model._meta.label, pgh_id__in=ids)
        found = self.get_queryset(request).using(events[0]._state.db).across(*keys).filter(chosen)
        return list(found.order_by("pgh_created_at", "pgh_id"))

    def _may_undo(self, request: HttpRequest, events: list[Any]) -> bool:
        return all(self._may_write(request, model) for model in {type(event) for event in events})

    def _may_write(self, request: HttpRequest, event_model: Any) -> bool:
        tracked = event_model.pgh_tracked_model
        return any(self._may(request, tracked, each) for each in ("add", "change", "delete"))

    def _check_models(self, event_models: Iterable[Any], request: HttpRequest) -> None:
        """Check the permissions before the plan is read or carried out."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        for event_model in event_models:
            self._check(request, event_model.pgh_tracked_model, "view")
            if not self._may_write(request, event_model):
                raise PermissionDenied

    def _check_steps(self, request: HttpRequest, plan: undoing.UndoPlan) -> None:
        for step in plan.steps:
            live = urls.live(step.event)
            needed = "delete" if step.action == undoing.DELETE else "change"
            if step.action == undoing.RESTORE and live is None:
                needed = "add"
            self._check(request, step.event.pgh_tracked_model, needed, live)

    def _undo(self, request: HttpRequest, changes: ChangeSet, address: _Address) -> None:
        name = str(address.context_id or f"{address.model}:{address.key}")
        try:
            with open_context(undoes=name):
                plan = changes.undo()
        except undoing.CannotUndo as error:
            self.message_user(request, str(error), messages.ERROR)
        except DatabaseError as error:
            reason = str(error).partition("\n")[0]
            self.message_user(request, _("The database refused it: %s") % reason, messages.ERROR)
        else:
            count = len(plan.steps)
            text = ngettext("%d change was undone.", "%d changes were undone.", count) % count
            self.message_user(request, text, messages.SUCCESS)

    def _step(self, step: undoing.UndoStep, changes_of: dict[str, Any]) -> dict[str, Any]:
        """A step with its row, and what it changes: the opposite of what the event did."""
        changed = changes_of.get(f"{step.event._meta.label}:{step.event.pk}", ())
        is_change = step.action == undoing.RESTORE and step.target is not step.event
        return {
            "action": step.action,
            "name": self._row_name(step.event),
            "url": self._home(step.event),
            "changes": [(name, new, old) for name, old, new in changed] if is_change else [],
        }

    def _row_name(self, event: Any) -> str:
        return f"{event.pgh_tracked_model._meta.label} {urls.object_key(event) or ''}".strip()

    def _conflict(self, request: HttpRequest, conflict: undoing.Conflict) -> dict[str, Any]:
        """A conflict with the events that changed the row since, each with its page."""
        since = presenting.shown(self._listed(request, conflict.events))
        return {
            "name": self._row_name(conflict.event),
            "reason": conflict.reason,
            "since": [(shown, self._event_url(shown.event)) for shown in since],
        }


def _events(changes: ChangeSet, most: int) -> list[Any]:
    """Return the first events of a change set in order, one more than ``most`` if there are."""
    found = [
        each for events in changes.querysets() for each in events.order_by("pgh_id")[: most + 1]
    ]
    found.sort(key=lambda event: (event.pgh_created_at, event.pgh_id))
    return found[: most + 1]


def _by_object(entries: list[presenting.Shown]) -> list[list[presenting.Shown]]:
    found: dict[Any, list[presenting.Shown]] = {}
    for shown in entries:
        event = shown.event
        key = (event.pgh_obj_model, event.pgh_obj_id or event.pgh_slug)
        found.setdefault(key, []).append(shown)
    return list(found.values())


def _slow(changes: ChangeSet) -> list[str]:
    """Return the event models whose tables the page would read completely."""
    return [each._meta.label for each in changes.without_index()]
