"""``JSONField``, at the documented path."""

from __future__ import annotations

from typing import Any

from django.db import models

from pghistory.config import settings


class JSONField(models.JSONField):
    """A JSON field that is written with ``PGHISTORY_JSON_ENCODER``."""

    def __init__(self, *args: Any, **kwargs: Any):
        kwargs.setdefault("encoder", settings.json_encoder)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        if kwargs.get("encoder") is settings.json_encoder:
            del kwargs["encoder"]
        return name, path, args, kwargs
