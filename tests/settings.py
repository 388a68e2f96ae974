"""The project's settings, the models that only the tests know, and a second database."""

from project.errors import CannotStart

try:
    from project.settings import *  # noqa: F403
    from project.settings import DATABASES, INSTALLED_APPS
except CannotStart as error:
    raise SystemExit(str(error)) from None

_default = DATABASES["default"]
DATABASES = {
    "default": _default,
    "other": {**_default, "TEST": {"NAME": f"test_{_default['NAME']}_other"}},
}

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.pgtrigger",
    "tests.pgtrigger.migrated",
    "tests.integrity",
    "tests.pghistory",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
