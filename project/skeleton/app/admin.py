"""The admin of this app. A change that a rule refuses is shown as a message."""

from django.contrib import admin
from shop.models import Item

from integrity.admin import RefusedWritesMixin
from pgtrigger.admin import RuledAdmin


@admin.register(Item)
class ItemAdmin(RefusedWritesMixin, RuledAdmin):
    """Items with their status, and a button that shows the events of each."""

    list_display = ["name", "status"]
    list_filter = ["status"]
    search_fields = ["name"]
