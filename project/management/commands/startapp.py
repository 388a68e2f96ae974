"""``manage.py startapp``: an app with a model that has rules and a history."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from project.skeleton import create_app


class Command(BaseCommand):
    """Create an app and its tests in this project."""

    help = (
        "Create an app with a model that has rules and a history, its admin, its page and its"
        " tests. Exit codes: 0 if it is created, 1 if the name cannot be used."
        " Example: manage.py startapp orders"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name."""
        parser.add_argument("name", help="The app's name, in lower case, such as orders.")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Write the files. Raise CommandError if the name cannot be used."""
        try:
            written = create_app(name, settings.BASE_DIR)
        except ValueError as error:
            raise CommandError(str(error)) from None
        for path in written:
            self.stdout.write(str(path.relative_to(settings.BASE_DIR)))
        self.stdout.write(
            f'Add "{name}" to INSTALLED_APPS in project/settings.py and'
            f' path("{name}/", include("{name}.urls")) to project/urls.py, then run'
            f" `manage.py makemigrations {name}`."
        )
