from django.core.management.commands import makemigrations
from django.db.migrations.autodetector import MigrationAutodetector

from pgtrigger.migrations import MigrationAutodetectorMixin


class Autodetector(MigrationAutodetectorMixin, MigrationAutodetector):
    pass


class Command(makemigrations.Command):
    autodetector = Autodetector
