from django.apps import AppConfig


class MigratedTestsConfig(AppConfig):
    name = "tests.pgtrigger.migrated"
    label = "pgtrigger_migrated"
    default_auto_field = "django.db.models.BigAutoField"
