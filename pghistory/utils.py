"""``JSONField``, at the documented path."""

from __future__ import annotations

from typing import Any

from django.db import models

from pghistory.config import settings


class JSONField(models.JSONField):
    """A JSON field that is written with ``PGHISTORY_JSON_ENCODER``.

    A value that PostgreSQL accepts and Python does not read, such as 2,000 arrays in each other or
    a number of 5,000 digits, is read as text. So one such event does not hide the others on a page.

    https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
    """

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("encoder", settings.json_encoder)
        super().__init__(*args, **kwargs)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            return super().from_db_value(value, expression, connection)
        except (ValueError, RecursionError):
            return value

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("encoder") is settings.json_encoder:
            del kwargs["encoder"]
        return name, path, args, kwargs
