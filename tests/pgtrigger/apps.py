from django.apps import AppConfig


class PGTriggerTestsConfig(AppConfig):
    name = "tests.pgtrigger"
    label = "pgtrigger_tests"
    default_auto_field = "django.db.models.BigAutoField"
