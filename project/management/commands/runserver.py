"""``runserver``. It exits with one sentence if there is no database to serve from."""

import os
from typing import Any

from django.contrib.staticfiles.management.commands import runserver

from project.errors import CannotStart


class Command(runserver.Command):
    """Django's ``runserver`` with static files."""

    def inner_run(self, *args: Any, **options: Any) -> None:
        """Serve until interrupted. Exit with 1 if the project cannot start."""
        try:
            super().inner_run(*args, **options)
        except CannotStart as error:
            self.stderr.write(str(error))
            # The autoreloader runs this in a thread, where sys.exit would end only the thread.
            # Django exits in the same way if the port is in use.
            self.stderr.flush()
            os._exit(1)
