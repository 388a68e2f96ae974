"""``manage.py demo_account``: somebody to log in as, while developing."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

NAME = PASSWORD = "admin"


class Command(BaseCommand):
    help = (
        f"Make the account {NAME} with the password {PASSWORD}, which may do everything in the"
        " admin, unless it exists: an account that was changed stays as it is. Refused, with exit"
        " code 1, when DEBUG is off."
    )

    def handle(self, *args: Any, **options: Any) -> None:
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
            self.stdout.write(f"The account {NAME} with the password {PASSWORD} is made.")
