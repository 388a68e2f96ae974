"""``runserver``, which ends with a sentence where there is no database to serve from."""

import os
from typing import Any

from django.contrib.staticfiles.management.commands import runserver

from project.errors import CannotStart


class Command(runserver.Command):
    def inner_run(self, *args: Any, **options: Any) -> None:
        try:
            super().inner_run(*args, **options)
        except CannotStart as error:
            self.stderr.write(str(error))
            # The autoreloader runs this in a thread, where sys.exit would end nothing else; Django
            # leaves in the same way when the port is taken.
            self.stderr.flush()
            os._exit(1)
