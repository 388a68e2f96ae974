"""The list of all events: filtered as any of the admin's lists, paged by key and never counted.

``?model=`` is a tracked model, ``?event_model=`` an event model and ``?label=`` a label.
``?method=tracks&obj=shop.Order:1`` are the events of one object, ``method=references`` those that
refer to it. ``?back=`` is a page to return to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ChangeList

from pghistory.admin import urls

if TYPE_CHECKING:
    from django.http import HttpRequest

# The filters that this list has before any of list_filter.
FILTERS = ("model", "label", "event_model", "method", "obj")
OWN = (*FILTERS, "before", "back")
METHODS = ("tracks", "references")


class EventsChangeList(ChangeList):
    """The events that a query string selects."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Return the parameters for ``list_filter``, with NUL characters removed."""
        found = super().get_filters_params(params)
        return {
            name: [value.replace("\0", "") for value in values]
            for name, values in found.items()
            if name not in OWN
        }

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.chosen = {name: request.GET.get(name, "") for name in FILTERS}
        events: Any = super().get_queryset(request, exclude_parameters)
        found = urls.event_models(self.chosen["model"], self.chosen["event_model"])
        if found is not None:
            events = events.across(*found)
        if self.chosen["method"] in METHODS and self.chosen["obj"]:
            events = getattr(events, self.chosen["method"])(urls.named_object(self.chosen["obj"]))
        if self.chosen["label"]:
            events = events.filter(pgh_label=self.chosen["label"].replace("\0", ""))
        return events

    def get_results(self, request: HttpRequest) -> None:
        """Read nothing: the page reads the events."""

    @property
    def is_chosen(self) -> bool:
        """Return whether any filter chooses among the events."""
        return bool(any(self.chosen.values()) or self.has_active_filters or self.query)

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """Return the query string of a filter, which begins at the first page."""
        return super().get_query_string(new_params, [*(remove or []), "before"])
