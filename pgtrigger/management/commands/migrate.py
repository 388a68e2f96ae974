from django.core.management.commands import migrate

from pgtrigger.management.commands.makemigrations import Autodetector


class Command(migrate.Command):
    autodetector = Autodetector
