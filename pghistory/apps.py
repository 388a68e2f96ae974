from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PGHistoryConfig(AppConfig):
    name = "pghistory"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from pghistory import checks, legacy

        checks.register()
        post_migrate.connect(
            legacy.install_on_migrate, sender=self, dispatch_uid="pghistory.legacy"
        )
