"""The admin's part of the history as an app, which brings the Events button with it."""

from __future__ import annotations

from django.apps import AppConfig

from pghistory.apps import register_admin


class PGHistoryAdminConfig(AppConfig):
    name = "pghistory.admin"
    # Django's own admin is called "admin".
    label = "pghistory_admin"
    verbose_name = "History"

    def ready(self) -> None:
        register_admin()
