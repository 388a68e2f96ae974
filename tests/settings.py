"""The project's settings, and the models that only the tests know."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.pgtrigger",
    "tests.pgtrigger.migrated", "tests.integrity"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
