"""What stops the project before it starts: one sentence, for whoever typed the command."""

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError


class CannotStart(Exception):
    """
    Something outside the code is missing or wrong.

    Its text is one sentence that says what was found and what to do. ``manage.py``, ``runserver``
    and ``wsgi.py`` print it and exit with 1, without a traceback.
    """


class WrongSetting(CannotStart, ImproperlyConfigured):
    """An environment variable is missing or cannot be read. ``manage.py help`` still works."""


class DatabaseUnavailable(CannotStart, OperationalError):
    """There is no PostgreSQL to talk to; caught wherever Django expects an OperationalError."""
