"""``manage.py reset_database``: delete everything in the development database."""

import shutil
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from psycopg import sql

from project.database.embedded import Server


class Command(BaseCommand):
    """Delete the embedded server's data, or drop and create the database in DATABASE_URL."""

    help = (
        "Delete all data of the development database, and leave it empty: run migrate afterwards."
        " `make reset` does both. The embedded server is stopped and its folder removed; a"
        " database in DATABASE_URL is dropped and created. Exit codes: 0 if the database is empty"
        " afterwards, 1 if DEBUG is off or the database cannot be dropped."
        " Example: manage.py reset_database --dry-run"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --dry-run."""
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Print what would be deleted.",
        )

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        """Empty the database. Raise CommandError if DEBUG is off."""
        if not settings.DEBUG:
            raise CommandError("DEBUG is off, and this deletes all data: set DEBUG=1 to do it.")
        embedded = connection.settings_dict.get("EMBEDDED")
        place = embedded or f"the database {connection.settings_dict['NAME']!r}"
        if dry_run:
            self.stdout.write(f"Would delete everything in {place}.")
            return
        if embedded:
            Server(embedded).stop()
            shutil.rmtree(embedded, ignore_errors=True)
        else:
            self._drop_and_create(connection.get_connection_params())
        self.stdout.write(f"Deleted everything in {place}.")

    def _drop_and_create(self, parameters: dict[str, Any]) -> None:
        """Connect to another database, because none can be dropped from inside itself."""
        address = {
            key: parameters[key]
            for key in ("host", "port", "user", "password")
            if key in parameters
        }
        maintenance = "template1" if parameters["dbname"] == "postgres" else "postgres"
        name = sql.Identifier(parameters["dbname"])
        try:
            with psycopg.connect(**address, dbname=maintenance, autocommit=True) as server:
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
                server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        except psycopg.Error as error:
            raise CommandError(f"The database cannot be dropped: {error}") from error
