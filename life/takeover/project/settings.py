"""The same settings with the packages from PyPI and with this project's."""

import json
import os

SECRET_KEY = "a project that is taken over"
USE_TZ = True
DATABASES = {"default": json.loads(os.environ["DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "pgtrigger",
    "pghistory",
    "people",
    "shop",
]
