"""The site for a WSGI server: ``gunicorn project.wsgi``. DEBUG is off unless set."""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application

from project.errors import CannotStart
from project.requests import supported_environ

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
os.environ.setdefault("DEBUG", "0")

try:
    django_application = get_wsgi_application()
except CannotStart as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # tells gunicorn that starting another worker will not help


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer a request. https://peps.python.org/pep-3333/"""
    return django_application(supported_environ(environ), start_response)
