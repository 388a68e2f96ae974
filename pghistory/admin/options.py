"""The admin of one event table, which may be too large to be counted."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator

from pghistory.admin import urls

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    ModelAdmin = admin.ModelAdmin[Any]
    BoundedPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    BoundedPaginator = Paginator


class ReadOnlyAdmin(ModelAdmin):
    """Nothing is added, changed or deleted here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventPaginator(BoundedPaginator):
    """Counts no further than the pages that anybody turns: an event table only grows."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        events: Any = self.object_list
        return int(events.order_by()[: self.most].count())


class LabelFilter(admin.SimpleListFilter):
    """The labels of an event model's trackers, for which no table is read."""

    title = "pgh label"
    parameter_name = "pgh_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        trackers = getattr(model_admin.model, "pgh_trackers", ())
        return [(label, label) for label in dict.fromkeys(each.label for each in trackers)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        label = self.value()
        return queryset.filter(pgh_label=label.replace("\0", "")) if label else queryset


class EventModelAdmin(ReadOnlyAdmin):
    """The admin of one event model."""

    list_display = ("pgh_created_at", "pgh_label", "pgh_obj_id")
    list_filter = (LabelFilter,)
    ordering = ("-pgh_id",)
    paginator = EventPaginator
    show_full_result_count = False

    @admin.display(description="pgh obj", empty_value="-")
    def pgh_obj_id(self, event: Any) -> str | None:
        """The object's key, of whatever kind; nothing where events are about no object."""
        return urls.object_key(event)
