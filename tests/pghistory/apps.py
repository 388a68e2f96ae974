from django.apps import AppConfig


class PGHistoryTestsConfig(AppConfig):
    name = "tests.pghistory"
    label = "pghistory_tests"
    default_auto_field = "django.db.models.BigAutoField"
