"""The system checks of the history engine."""

from django.core import checks


def ids():
    return [message.id for message in checks.run_checks(tags=["models"])]


def test_a_project_without_the_trigger_engine_is_an_error(settings):
    assert "pgtrigger.E001" not in ids()
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "pgtrigger"]
    assert "pgtrigger.E001" in ids()
