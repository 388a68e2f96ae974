"""``manage.py demo_account``: create an account to log in with during development."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

NAME = PASSWORD = "admin"


class Command(BaseCommand):
    """Create the demo account."""

    help = (
        f"Create the superuser {NAME} with the password {PASSWORD}. An account that exists is not"
        " changed. Exit codes: 0 if the account exists afterwards, 1 if DEBUG is off."
        " Example: manage.py demo_account"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the account unless it exists. Raise CommandError if DEBUG is off."""
        if not settings.DEBUG:
            raise CommandError(
                "DEBUG is off, and an account with a known password is for development only: run"
                " `manage.py createsuperuser`."
            )
        accounts = get_user_model()._default_manager
        if accounts.filter(username=NAME).exists():
            self.stdout.write(f"The account {NAME} exists.")
        else:
            accounts.create_superuser(NAME, "admin@example.com", PASSWORD)
            self.stdout.write(f"The account {NAME} with the password {PASSWORD} is created.")
