"""The convention of the project's commands: a help with exit codes and an example, and dry runs."""

import re

import pytest
from django.conf import settings
from django.core.management import load_command_class

NAMES = sorted(
    path.stem
    for path in (settings.BASE_DIR / "project/management/commands").glob("*.py")
    if path.stem not in {"__init__", "migrate", "runserver"}  # Django's, with its help
)


@pytest.mark.parametrize("name", NAMES)
def test_its_help_has_exit_codes_and_an_example(name: str) -> None:
    text = load_command_class("project", name).help
    assert re.search(r"Exit codes?: 0", text)
    assert f"Example: manage.py {name}" in text


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_explained(name: str) -> None:
    parser = load_command_class("project", name).create_parser("manage.py", name)
    own = [action for action in parser._actions if action.container.title != "Base options"]
    assert [action.dest for action in own if not action.help] == []
