"""``manage.py stop_database``: stop the embedded PostgreSQL, which runs until then."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from project.database.embedded import Server


class Command(BaseCommand):
    """Stop the embedded server."""

    help = (
        "Stop the embedded PostgreSQL server of this folder and disconnect its clients. The data"
        " stays, and the next command that needs the server starts it. A server that DATABASE_URL"
        " names is not stopped. Exit code: 0, also if no server was running."
        " Example: manage.py stop_database"
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop the server and print a line."""
        stopped = Server(settings.EMBEDDED_FOLDER).stop()
        self.stdout.write(
            "The embedded PostgreSQL " + ("has stopped." if stopped else "was not running.")
        )
