from types import ModuleType

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from pghistory import checks, config, hooks, legacy, postponing


class PGHistoryConfig(AppConfig):
    name = "pghistory"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: ModuleType):
        super().__init__(app_name, app_module)
        hooks.before_models_load()

    def ready(self) -> None:
        hooks.extend_schema_editors()
        checks.register()
        postponing.register()
        post_migrate.connect(
            legacy.install_on_migrate, sender=self, dispatch_uid="pghistory.legacy"
        )
        register_admin()


def register_admin() -> None:
    """Gives the events their page in the admin, once all apps are loaded.

    Not when ``pghistory.admin`` is imported: a project's own ADMIN_CLASS imports that to inherit.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib import admin

    if not admin.site.is_registered(config.admin_model()):
        admin.site.register(config.admin_model(), config.admin_class())
