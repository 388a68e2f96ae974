"""The records of rules in report mode, for users with the permission to view them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.utils.safestring import SafeString

    from pgtrigger.models import Violation

    ModelAdmin = admin.ModelAdmin[Violation]
else:
    ModelAdmin = admin.ModelAdmin


class ViolationAdmin(ModelAdmin):
    """A list and a page for each record. Nothing can be changed: only triggers write records."""

    list_display = ("created_at", "uri", "operation", "row_key", "message", "database_role")
    list_filter = ("uri", "operation", "database_role")
    date_hierarchy = "created_at"
    search_fields = ("uri", "message", "key__icontains")
    show_full_result_count = False
    fields = (
        *("created_at", "uri", "table_name", "operation", "row_key", "message", "details"),
        *("context_id", "metadata", "database_role", "application"),
    )
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: ``manage.py pgtrigger violations --delete`` removes old records."""
        return False

    @admin.display(description="key")
    def row_key(self, obj: Violation) -> str:
        """Return the key of the row, such as ``id=7``."""
        return ", ".join(f"{name}={value}" for name, value in (obj.key or {}).items())

    @admin.display(description="detail")
    def details(self, obj: Violation) -> SafeString:
        """Return the detail as JSON."""
        return _as_json(obj.detail)

    @admin.display(description="context")
    def metadata(self, obj: Violation) -> SafeString | str:
        """Return the context as JSON."""
        return "" if obj.context is None else _as_json(obj.context)


def _as_json(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))
