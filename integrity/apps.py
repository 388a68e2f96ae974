from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

from . import catalog


class IntegrityConfig(AppConfig):
    name = "integrity"

    def ready(self) -> None:
        post_migrate.connect(_forget_catalog, dispatch_uid="integrity.forget_catalog")


def _forget_catalog(**kwargs: Any) -> None:
    catalog.forget()
