"""``migrate``, one process at a time, on a direct connection, without a statement timeout."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from pgtrigger.management.commands import migrate
from project.database import locks
from project.database.base import direct

LOCK = 4_155_226_013  # any number that is the same in every process that migrates this database


class Command(migrate.Command):
    """Django's ``migrate``. If two processes start it, the second waits for the first."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """
        Use DIRECT_DATABASE_URL, if it is set, for the system checks and the migrations.

        A migration may take as long as it needs, but it may not make others wait longer than the
        setting for lock_timeout.
        """
        with direct(options["database"], statement_timeout="0"):
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Migrate. Raise CommandError if the database is older than the project's user model."""
        # If the process is killed, the server ends the transaction that holds the lock.
        with locks.held(options["database"], LOCK):
            self._check_user_model(connections[options["database"]])
            return super().handle(*args, **options)

    def _check_user_model(self, connection: Any) -> None:
        applied = set(MigrationRecorder(connection).applied_migrations())
        app_label = settings.AUTH_USER_MODEL.split(".")[0]
        if ("admin", "0001_initial") in applied and (app_label, "0001_initial") not in applied:
            raise CommandError(
                f"The database {connection.settings_dict['NAME']!r} was migrated with another user"
                f" model than {settings.AUTH_USER_MODEL}. Its users cannot be kept: run"
                " `make reset` to start with an empty database, or set DATABASE_URL to another."
            )
