from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import AppConfig

from pgtrigger import checks, hooks
from pgtrigger.roles import objects

if TYPE_CHECKING:
    from types import ModuleType

    from django.db.models import Model


def _records() -> list[type[Model]]:
    from pgtrigger.models import Violation, ViolationCount  # when all apps are loaded

    return [Violation, ViolationCount]


class PGTriggerConfig(AppConfig):
    name = "pgtrigger"
    verbose_name = "Triggers"

    def __init__(self, app_name: str, app_module: ModuleType):
        super().__init__(app_name, app_module)
        hooks.before_models_load()

    def ready(self) -> None:
        hooks.after_models_load()
        objects.write_only_by_triggers(_records)
        checks.register()
