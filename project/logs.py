"""Logs to stderr, as JSON or text. Each line has the request's id and the history context's id."""

import logging
from typing import Any

TEXT = "%(levelname)s %(name)s %(message)s"
JSON = "%(asctime)s %(levelname)s %(name)s %(message)s"


class RequestFilter(logging.Filter):
    """Add ``request_id`` and ``context_id`` to each record: strings, or None outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True: every record passes."""
        # Imported here, because logging is configured before the apps are loaded.
        from django_guid import get_guid

        from pghistory.writing import context

        opened = context.current()
        record.request_id = get_guid()
        record.context_id = str(opened.id) if opened else None
        return True


def configuration(form: str, level: str) -> dict[str, Any]:
    """
    Return Django's LOGGING.

    Args:
        form: ``json``, with one object per line, or ``text``.
        level: The lowest level that is logged, such as ``INFO``.

    https://docs.djangoproject.com/en/stable/topics/logging/
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": "project.logs.RequestFilter"}},
        "formatters": {
            "text": {"format": TEXT},
            "json": {
                "()": "pythonjsonlogger.json.JsonFormatter",
                "fmt": JSON + " %(request_id)s %(context_id)s",
                "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
                "datefmt": "%Y-%m-%dT%H:%M:%S%z",
            },
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        # Django's own handlers are replaced by the root's. Django would send errors by mail.
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django_guid": {"level": "WARNING"},  # otherwise a line for each request
        },
    }


def gunicorn(form: str, level: str) -> dict[str, Any]:
    """Return gunicorn's logging: the messages of its master process, without a line per request."""
    shared = configuration(form, level)
    handler = {
        key: value for key, value in shared["handlers"]["stderr"].items() if key != "filters"
    }
    silent: dict[str, Any] = {"handlers": [], "propagate": False}
    return {
        **{key: shared[key] for key in ("version", "disable_existing_loggers", "formatters")},
        "handlers": {"stderr": handler},
        "root": shared["root"],
        "loggers": {
            "gunicorn.error": {"handlers": ["stderr"], "level": level, "propagate": False},
            "gunicorn.access": silent,
        },
    }
