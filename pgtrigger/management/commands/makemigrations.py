from typing import Any

from django.core.management.commands import makemigrations
from django.db.migrations.autodetector import MigrationAutodetector

from pgtrigger.migrating.autodetector import MigrationAutodetectorMixin, notices


class Autodetector(MigrationAutodetectorMixin, MigrationAutodetector):
    pass


class Command(makemigrations.Command):
    autodetector = Autodetector

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        for notice in notices:
            text = notice() if options["verbosity"] > 0 else ""
            if text:
                self.log(text)
