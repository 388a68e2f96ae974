"""The site for an ASGI server: ``gunicorn -k asgi project.asgi``. DEBUG is off unless set."""

import os
import sys

from django.core.asgi import get_asgi_application

from project.errors import CannotStart

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
os.environ.setdefault("DEBUG", "0")

try:
    application = get_asgi_application()
except CannotStart as error:
    print(error, file=sys.stderr)
    sys.exit(3)  # tells gunicorn that starting another worker will not help
