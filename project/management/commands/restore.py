"""``manage.py restore``: load a backup into an empty database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from project import health
from project.operations import dumps


class Command(BaseCommand):
    """Restore the database."""

    help = (
        "Load a file of manage.py backup into an empty database, and check that every migration"
        " and trigger is there. Exit codes: 0 if it is loaded and complete, 1 otherwise."
        " Example: manage.py restore backups/before-the-release.dump"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and --database."""
        parser.add_argument("file", type=Path, help="A file that manage.py backup wrote.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias to load into.")

    def handle(self, *args: Any, file: Path, database: str, **options: Any) -> None:
        """Load the file. Raise CommandError if that fails or something is missing afterwards."""
        try:
            dumps.restore(database, file)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Restored {file}.")
        if problems := health.not_installed(database):
            raise CommandError(" ".join([*problems, "Run `manage.py migrate`."]))
