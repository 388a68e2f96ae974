"""A tracked model in the admin, and a project's own page of events."""

from django.contrib import admin

from pghistory.admin import AsOfMixin, EventModelAdmin, EventsAdmin
from tests.pghistory.models import Book, Order, OrderLine, RowLevel

admin.site.register(Book, admin.ModelAdmin)
admin.site.register(RowLevel.pgh_event_model, EventModelAdmin)


class OwnEventsAdmin(EventsAdmin):
    list_display = ("pgh_label", "shouted", "pgh_slug")
    list_filter = ("pgh_label",)
    ordering = ("pgh_label", "-pgh_id")

    @admin.display(description="Loudly")
    def shouted(self, event):
        return event.pgh_label.upper()


class OrderLineInline(admin.TabularInline):
    model = OrderLine
    extra = 1


@admin.register(Order)
class OrderAdmin(AsOfMixin, admin.ModelAdmin):
    list_display = ["number", "texts"]
    list_filter = ["number"]
    list_editable = ["number"]
    list_display_links = ["texts"]
    inlines = [OrderLineInline]

    @admin.display
    def texts(self, order):
        return ", ".join(line.text for line in order.lines.order_by("pk")) or "no line"


@admin.register(OrderLine)
class OrderLineAdmin(AsOfMixin, admin.ModelAdmin):
    list_display = ["text", "order_number"]

    @admin.display
    def order_number(self, line):
        return f"order number {line.order.number}"
