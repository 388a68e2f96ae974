"""
The convention of commands, which each command of this repository keeps.

Its help has an example and exit codes, and explains every argument. ``--database`` chooses the
database, ``--format json`` is for programs, ``--dry-run`` says what would be removed.
"""

import argparse
import io
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command, get_commands, load_command_class

import pgtrigger
from pghistory.tracking import event_models

DJANGO = {"dumpdata", "loaddata", "makemigrations", "migrate", "runserver"}  # with Django's help
DEVELOPMENT = "it is for development, where the default database is the only one"
FILES = "it reads no database, and writes files of code"

# The options that a command does not have, and why. Every other command has all of them.
WITHOUT = {
    "backup": {"--dry-run": "it removes nothing"},
    "demo_account": {
        "--database": DEVELOPMENT,
        "--format": "its exit code says it",
        "--dry-run": "it removes nothing",
    },
    "doctor": {"--dry-run": "it changes nothing"},
    "integrity audit": {"--dry-run": "it changes nothing"},
    "pghistory backfill": {"--dry-run": "it removes nothing"},
    "pghistory stats": {"--dry-run": "it changes nothing"},
    "pghistory upgrade": {
        "--database": FILES,
        "--format": "it prints what makemigrations prints",
        "--dry-run": "it has --list",
    },
    "pgtrigger check": {"--dry-run": "it changes nothing"},
    "pgtrigger diff": {
        "--format": "programs read the format of diff too",
        "--dry-run": "it changes nothing",
    },
    "pgtrigger disable": {"--dry-run": "it removes nothing"},
    "pgtrigger docs": {
        "--database": FILES,
        "--format": "it chooses a language for documents",
        "--dry-run": "it has --check",
    },
    "pgtrigger enable": {"--dry-run": "it removes nothing"},
    "pgtrigger lint": {"--dry-run": "it changes nothing"},
    "pgtrigger ls": {"--dry-run": "it changes nothing"},
    "pgtrigger recount": {"--dry-run": "it has --check"},
    "pgtrigger roles": {"--dry-run": "it changes nothing without --apply"},
    "pgtrigger sql": {
        "--database": "it reads only the declaration",
        "--format": "it prints SQL",
        "--dry-run": "it changes nothing",
    },
    "pgtrigger try": {"--dry-run": "it changes nothing"},
    "reset_database": {"--database": DEVELOPMENT, "--format": "its exit code says it"},
    "restore": {"--dry-run": "it removes nothing: the database must be empty"},
    "startapp": {
        "--database": FILES,
        "--format": "it prints the files",
        "--dry-run": "it removes nothing",
    },
    "stop_database": {
        "--database": DEVELOPMENT,
        "--format": "its exit code says it",
        "--dry-run": "it removes nothing",
    },
    "walkthrough": {"--database": DEVELOPMENT, "--dry-run": "it is rolled back"},
}


def _leaves(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, Any]]:
    """Yield the parser, or those of its subcommands."""
    branches = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not branches:
        yield name, parser
    for branch in branches:
        for verb, child in branch.choices.items():
            yield from _leaves(f"{name} {verb}", child)


def _is_of_this_repository(app: str) -> bool:
    spec = find_spec(app)
    folder = Path(str(spec and spec.origin)).resolve().parent
    return folder.parent == settings.BASE_DIR.resolve()


PARSERS = {
    name: parser
    for command, app in sorted(get_commands().items())
    if isinstance(app, str) and _is_of_this_repository(app) and command not in DJANGO
    for name, parser in _leaves(
        command, load_command_class(app, command).create_parser("manage.py", command)
    )
}


def options(name: str) -> dict[str, argparse.Action]:
    return {word: each for each in PARSERS[name]._actions for word in each.option_strings}


@pytest.mark.parametrize("name", PARSERS)
def test_its_help_has_an_example_and_exit_codes(name: str) -> None:
    parser = PARSERS[name]
    text = f"{parser.description}\n{parser.epilog}"
    assert f"manage.py {name}" in text
    assert re.search(r"[Ee]xit codes?:\s*0", text)


@pytest.mark.parametrize("name", PARSERS)
def test_every_argument_is_explained(name: str) -> None:
    assert [each.dest for each in PARSERS[name]._actions if not each.help] == []


@pytest.mark.parametrize("option", ["--database", "--format", "--dry-run"])
@pytest.mark.parametrize("name", PARSERS)
def test_it_has_the_option_or_a_reason_not_to(name: str, option: str) -> None:
    found = options(name).get(option)
    reason = WITHOUT.get(name, {}).get(option)
    if reason is None:
        assert found, f"Add {option} to {name}, or say in WITHOUT why it does not have it."
    elif option != "--format":
        assert found is None, f"{name} has {option}: remove the reason."


@pytest.mark.parametrize(
    "name", [name for name in PARSERS if "--format" not in WITHOUT.get(name, {})]
)
def test_its_formats_are_text_and_json(name: str) -> None:
    found = options(name)["--format"]
    assert (list(found.choices or ()), found.default) == (["text", "json"], "text")


def arguments(name: str, folder: Path) -> list[str]:
    """Return arguments with which the command succeeds and changes no table."""
    tracked = event_models.all_event_models()[0].pgh_tracked_model._meta.label
    uri = next(
        trigger.get_uri(model)
        for model, trigger in pgtrigger.registered()
        if isinstance(trigger, pgtrigger.Protect)
    )
    needed = {
        "backup": [str(folder / "one.dump")],
        "pghistory erase": [tracked, "1"],
        "pghistory prune": ["--older-than", "7y"],
        "pgtrigger disable": [uri],
        "pgtrigger enable": [uri],
        "pgtrigger roles": ["--app", "somebody"],
        "pgtrigger try": [uri],
        "pgtrigger violations": ["--delete"],
    }.get(name, [])
    return needed + ["--dry-run"] * ("--dry-run" in options(name))


# Nothing can be restored into the database of the tests, and the chapters have their own tests.
RUN = [
    name
    for name in PARSERS
    if "--format" not in WITHOUT.get(name, {}) and name not in {"restore", "walkthrough"}
]


@pytest.mark.parametrize("name", RUN)
@pytest.mark.django_db
def test_it_prints_a_line_for_people_and_json_for_programs(name: str, tmp_path: Path) -> None:
    printed = {}
    for each in ("text", "json"):
        output = io.StringIO()
        with suppress(SystemExit):  # a finding
            words = [*name.split(), *arguments(name, tmp_path / each), "--format", each]
            call_command(*words, stdout=output, stderr=io.StringIO(), no_color=True)
        printed[each] = output.getvalue()
    assert printed["text"].strip()
    for text in [printed["json"]] if name != "pgtrigger try" else printed["json"].splitlines():
        json.loads(text)
