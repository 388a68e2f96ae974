"""Errors that stop the project before it starts. Their text is for the person at the shell."""

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError


class CannotStart(Exception):
    """
    Something outside the code is missing or wrong.

    The message is one sentence that says what was found and what to do. ``manage.py``,
    ``runserver``, ``wsgi.py`` and ``asgi.py`` print it without a traceback and exit.
    """


class WrongSetting(CannotStart, ImproperlyConfigured):
    """An environment variable is missing or cannot be read. ``manage.py help`` still works."""


class DatabaseUnavailable(CannotStart, OperationalError):
    """No connection to PostgreSQL. Django's handlers of OperationalError catch it too."""
