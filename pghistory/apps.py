from django.apps import AppConfig


class PGHistoryConfig(AppConfig):
    name = "pghistory"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"
