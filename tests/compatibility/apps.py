from django.apps import AppConfig


class CompatibilityConfig(AppConfig):
    name = "tests.compatibility"
    label = "compatibility"
    default_auto_field = "django.db.models.BigAutoField"
