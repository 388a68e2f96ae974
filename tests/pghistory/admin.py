"""A tracked model in the admin, and a project's own page of events."""

from django.contrib import admin

from pghistory.admin import EventModelAdmin, EventsAdmin
from tests.pghistory.models import Book, RowLevel

admin.site.register(Book, admin.ModelAdmin)
admin.site.register(RowLevel.pgh_event_model, EventModelAdmin)


class OwnEventsAdmin(EventsAdmin):
    list_display = ("pgh_label", "shouted", "pgh_slug")
    list_filter = ("pgh_label",)
    ordering = ("pgh_label", "-pgh_id")

    @admin.display(description="Loudly")
    def shouted(self, event):
        return event.pgh_label.upper()
