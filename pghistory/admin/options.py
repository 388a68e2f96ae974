"""The admin of one event table, which may be too large to be counted."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from pghistory.admin import presenting, urls
from pghistory.reading import diffs

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    ModelAdmin = admin.ModelAdmin[Any]
    BoundedPaginator = Paginator[Any]
else:
    ModelAdmin = admin.ModelAdmin
    BoundedPaginator = Paginator


# The fields about the event itself, which its page shows before the tracked ones.
_ABOUT = ("pgh_time", "pgh_label", "pgh_obj_id", "pgh_user", "pgh_metadata")


class ReadOnlyAdmin(ModelAdmin):
    """A ModelAdmin that adds, changes and deletes nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventPaginator(BoundedPaginator):
    """A paginator that stops counting after some pages, because event tables only grow."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        events: Any = self.object_list
        return int(events.order_by()[: self.most].count())


class LabelFilter(admin.SimpleListFilter):
    """A filter with the labels of an event model's trackers, which does not read a table."""

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

    list_display = ("pgh_time", "pgh_label", "pgh_obj_id")
    list_filter = (LabelFilter,)
    ordering = ("-pgh_id",)
    paginator = EventPaginator
    show_full_result_count = False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if self.fields:
            return self.fields
        return [*_ABOUT, *(field.name for field in diffs.shown_columns(self.model))]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*_ABOUT, *super().get_readonly_fields(request, obj)]

    @admin.display(description=_("time"), ordering="pgh_created_at")
    def pgh_time(self, event: Any) -> str:
        """The time with seconds and time zone."""
        return presenting.time_text(event.pgh_created_at)

    @admin.display(description=_("user"), empty_value="-")
    def pgh_user(self, event: Any) -> str | None:
        [shown] = presenting.authors([event])
        return shown or None

    @admin.display(description=_("context"), empty_value="-")
    def pgh_metadata(self, event: Any) -> str | None:
        """The context's metadata except the user, such as the URL."""
        said = presenting.said(event)
        found = [(key, value) for key, value in said.items() if key != "user"]
        return format_html_join(mark_safe("<br>"), "<b>{}</b> {}", found) or None

    @admin.display(description="pgh obj", empty_value="-")
    def pgh_obj_id(self, event: Any) -> str | None:
        """Return the object's key as text; "" if the event is not about an object."""
        return urls.object_key(event)
