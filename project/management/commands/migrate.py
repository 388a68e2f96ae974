"""``migrate``, one at a time: of two that start together the second waits, then finds all done."""

from typing import Any

from django.db import connections

from pgtrigger.management.commands import migrate

LOCK = 4_155_226_013  # any number, the same in every process that migrates this database


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        with connections[options["database"]].cursor() as cursor:
            # Held by the session: released too when the process is killed.
            # https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                return super().handle(*args, **options)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
