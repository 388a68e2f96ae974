"""``manage.py backup``: write the whole database to a file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from project.operations import dumps


class Command(BaseCommand):
    """Back up the database."""

    help = (
        "Write the database to a file that manage.py restore reads. Exit codes: 0 if the file is"
        " complete, 1 otherwise. Example: manage.py backup backups/before-the-release.dump"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and --database."""
        parser.add_argument("file", nargs="?", type=Path, help="By default, a name with the time.")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="The alias to back up.")

    def handle(self, *args: Any, file: Path | None, database: str, **options: Any) -> None:
        """Write the file and print its name. Raise CommandError if that fails."""
        time = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        target = file or Path(settings.BASE_DIR) / "backups" / f"{time}.dump"
        try:
            dumps.back_up(database, target)
        except dumps.DumpError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Wrote {target} ({target.stat().st_size} bytes).")
