"""``manage.py backup``: write the whole database to a file."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.management import arguments
from project.operations import dumps


class Command(BaseCommand):
    """Back up the database."""

    help = (
        "Write the database to a file that manage.py restore reads. Exit codes: 0 if the file is"
        " complete, 1 otherwise. Example: manage.py backup backups/before-the-release.dump"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, --database and --format."""
        parser.add_argument("file", nargs="?", type=Path, help="By default, a name with the time.")
        arguments.add_database(parser)
        arguments.add_format(parser)

    def handle(
        self, *args: Any, file: Path | None, database: str, format: str, **others: Any
    ) -> None:
        """Write the file and print its name and size. Raise CommandError if that fails."""
        time = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        target = file or Path(settings.BASE_DIR) / "backups" / f"{time}.dump"
        try:
            dumps.back_up(database, target)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from None
        size = target.stat().st_size
        if format == "json":
            self.stdout.write(json.dumps({"file": str(target), "bytes": size}))
        else:
            self.stdout.write(f"Wrote {target} ({size} bytes).")
