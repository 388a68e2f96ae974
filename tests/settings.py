"""The project's settings for tests, and a second database for those that ask for it."""

from project.errors import CannotStart

try:
    from project.settings import *  # noqa: F403
    from project.settings import DATABASES
except CannotStart as error:
    raise SystemExit(str(error)) from None

# A test's commit need not survive a power cut, and does not wait for the disk.
_options = DATABASES["default"].get("OPTIONS", {})
_hasty = f"{_options.get('options', '')} -c synchronous_commit=off"
_default = DATABASES["default"] | {"OPTIONS": _options | {"options": _hasty}}
DATABASES = {
    "default": _default,
    "other": {**_default, "TEST": {"NAME": f"test_{_default['NAME']}_other"}},
}

AXES_ENABLED = False  # The test client logs in without a request.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
