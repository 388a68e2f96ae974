"""The site for an ASGI server: ``gunicorn -k asgi project.asgi``. DEBUG is off unless set."""

import os
import sys
from typing import Any

from django.core.asgi import get_asgi_application

from project.errors import CannotStart
from project.requests import supported_scope

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
os.environ.setdefault("DEBUG", "0")

try:
    django_application = get_asgi_application()
except CannotStart as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # tells gunicorn that starting another worker will not help


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer a request. https://asgi.readthedocs.io/en/latest/specs/main.html"""
    await django_application(supported_scope(scope), receive, send)
