"""Mail, uploaded files and error reports: each is configured by one environment variable."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from project.errors import WrongSetting

_MAIL = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
_MAIL_EXPECTED = "smtp://, smtp+tls:// or smtp+ssl://, as in smtp+tls://user:password@host:587"


def mailer(url: str) -> dict[str, Any]:
    """
    Return an entry of Django's MAILERS.

    Args:
        url: ``smtp+tls://user:password@host:port``. ``smtp+tls`` uses STARTTLS, ``smtp+ssl`` uses
            TLS from the first byte. If it is empty, mail is printed instead of sent.

    Raises:
        WrongSetting: The URL cannot be read. The message does not repeat its password.

    https://docs.djangoproject.com/en/stable/topics/email/
    """
    if not url:
        return {"BACKEND": "django.core.mail.backends.console.EmailBackend", "OPTIONS": {}}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongSetting(f"EMAIL_URL cannot be read: set it to {_MAIL_EXPECTED}.") from None
    if parts.scheme not in _MAIL or not parts.hostname:
        raise WrongSetting(f"EMAIL_URL begins with {parts.scheme!r}: set it to {_MAIL_EXPECTED}.")
    options = {
        "host": parts.hostname,
        "port": port or _MAIL[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "smtp+tls",
        "use_ssl": parts.scheme == "smtp+ssl",
        "timeout": 10,
    }
    return {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": options}


def email_settings(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of Django before 6.1 that are the same as an entry of MAILERS."""
    names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
    options = {
        names.get(name, f"EMAIL_{name.upper()}"): value for name, value in entry["OPTIONS"].items()
    }
    return {"EMAIL_BACKEND": entry["BACKEND"], **options}


def media_storage(place: str) -> dict[str, Any]:
    """
    Return the entry of STORAGES for uploaded files.

    Args:
        place: A folder, or ``s3://bucket/prefix?endpoint_url=...``. The second part of an S3 URL
            has options of django-storages, which is installed separately.

    Raises:
        WrongSetting: The place is not one of the two, or django-storages is not installed.

    https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
    """
    if "://" not in place:
        folder = {"location": str(Path(place))}
        return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": folder}
    parts = urlsplit(place)
    if parts.scheme != "s3" or not parts.netloc:
        raise WrongSetting(
            f"MEDIA_STORAGE begins with {parts.scheme}://: set it to a folder or to s3://bucket."
        )
    if find_spec("storages") is None:
        raise WrongSetting(
            "MEDIA_STORAGE is on S3 and django-storages is not installed: add"
            " `django-storages[s3]` to requirements.in and run `make requirements`."
        )
    options = {
        "bucket_name": parts.netloc,
        "location": parts.path.strip("/"),
        **dict(parse_qsl(parts.query)),
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def report_errors(dsn: str) -> None:
    """
    Report unhandled exceptions and logged errors to the DSN. Do nothing if it is empty.

    Raises WrongSetting if it is not a DSN.
    https://docs.sentry.io/platforms/python/integrations/django/
    """
    if not dsn:
        return
    import sentry_sdk
    from sentry_sdk.utils import BadDsn

    try:
        sentry_sdk.init(dsn=dsn, send_default_pii=False)
    except BadDsn as error:
        raise WrongSetting(
            f"SENTRY_DSN cannot be read ({error}): set it to https://key@host/number."
        ) from None
