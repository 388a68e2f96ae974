"""``manage.py restore``: load a backup into an empty database."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from project import health
from project.management import arguments
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
        """Add the file, --database and --format."""
        parser.add_argument("file", type=Path, help="A file that manage.py backup wrote.")
        arguments.add_database(parser)
        arguments.add_format(parser)

    def handle(self, *args: Any, file: Path, database: str, format: str, **others: Any) -> None:
        """Load the file. Raise CommandError if that fails or something is missing afterwards."""
        try:
            dumps.restore(database, file)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from None
        problems = health.not_installed(database)
        if format == "json":
            self.stdout.write(json.dumps({"file": str(file), "problems": problems}))
        else:
            self.stdout.write(f"Restored {file}.")
        if problems:
            raise CommandError(" ".join([*problems, "Run `manage.py migrate`."]))
