"""Settings of the libraries: read at each access, and checked."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from pgtrigger.conf import Setting, Settings, SettingsOf


class Example(SettingsOf):
    prefix = "EXAMPLE_"

    wanted = Setting[bool](False, of=bool)
    names = Setting[list[str]]("a", of=(str, list), read=list)


def test_a_setting_that_the_project_does_not_have_has_its_default():
    assert Example().wanted is False


def test_a_changed_setting_is_seen(settings):
    settings.EXAMPLE_WANTED = True
    assert Example().wanted is True


def test_a_value_is_read_as_the_class_says(settings):
    settings.EXAMPLE_NAMES = "bc"
    assert Example().names == ["b", "c"]


def test_a_value_of_another_class_is_named_with_what_was_expected(settings):
    settings.EXAMPLE_WANTED = "False"
    with pytest.raises(
        ImproperlyConfigured,
        match=r"EXAMPLE_WANTED: found 'False', expected an instance of bool.",
    ):
        _ = Example().wanted


def test_the_class_itself_gives_the_setting():
    assert Settings.migrations.name == "PGTRIGGER_MIGRATIONS"
    assert Settings.migrations.default is True
