from typing import Any

from django.core.management.commands import migrate

from pgtrigger import checks
from pgtrigger.management.commands.makemigrations import Autodetector


class Command(migrate.Command):
    autodetector = Autodetector

    def check(self, *args: Any, **kwargs: Any) -> None:
        with checks.left_out():
            super().check(*args, **kwargs)
