from types import ModuleType

from django.apps import AppConfig

from pgtrigger import checks, hooks


class PGTriggerConfig(AppConfig):
    name = "pgtrigger"
    verbose_name = "Triggers"

    def __init__(self, app_name: str, app_module: ModuleType):
        super().__init__(app_name, app_module)
        hooks.before_models_load()

    def ready(self) -> None:
        hooks.after_models_load()
        checks.register()
