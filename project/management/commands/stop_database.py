"""``manage.py stop_database``: end the embedded PostgreSQL, which outlives what started it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from project.database.embedded import Server


class Command(BaseCommand):
    help = (
        "Stop the PostgreSQL server embedded in this folder, disconnecting whoever uses it; its"
        " data stays, and the next command that needs it starts it. Exit code 0 also where none"
        " was running. A server that DATABASE_URL names is left alone."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        stopped = Server(settings.EMBEDDED_FOLDER).stop()
        self.stdout.write("The embedded PostgreSQL " + ("has ended." if stopped else "was not up."))
