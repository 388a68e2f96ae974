"""``manage.py doctor``: what is configured, what is running, what is wrong and what to do."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error

from project.management import arguments
from project.operations import diagnosis


class Command(BaseCommand):
    """Diagnose this setup."""

    help = (
        "Show on one screen what is configured, what is running, what is wrong and what to do."
        " Exit codes: 0 if nothing is wrong, 1 otherwise."
        " Example: manage.py doctor --format json"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --database and --format."""
        arguments.add_database(parser)
        arguments.add_format(parser)

    def handle(self, *args: Any, database: str, format: str, **others: Any) -> None:
        """Print the diagnosis, and exit with 1 if something is wrong."""
        found = list(diagnosis.findings(database))
        try:
            server = diagnosis.running(database)
        except Error:
            server = {}
        configured = diagnosis.configured(database)
        if format == "json":
            problems = [asdict(finding) for finding in found]
            report = {"configured": configured, "running": server, "problems": problems}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._section("Configured", configured)
            self._section("Running", server or {"database": "it does not answer"})
            self._problems(found)
        if found:
            sys.exit(1)

    def _section(self, title: str, lines: dict[str, str]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(title))
        for name, value in lines.items():
            self.stdout.write(f"  {name:<16}{value}")

    def _problems(self, found: list[diagnosis.Finding]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING("Problems"))
        if not found:
            self.stdout.write("  " + self.style.SUCCESS("Nothing is wrong."))
        for finding in found:
            self.stdout.write("  " + self.style.ERROR(f"{finding.subject}: {finding.found}"))
            if finding.remedy:
                self.stdout.write(f"    {finding.remedy}")
