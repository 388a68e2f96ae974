from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import pre_migrate


class IntegrityTestsConfig(AppConfig):
    name = "tests.integrity"
    label = "integrity_tests"

    def ready(self) -> None:
        pre_migrate.connect(make_schema_anew, sender=self)


def make_schema_anew(using: str, **kwargs: Any) -> None:
    """Django makes tables in another schema, but neither the schema, nor sees what is there."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "DROP SCHEMA IF EXISTS integrity_elsewhere CASCADE; CREATE SCHEMA integrity_elsewhere"
        )
