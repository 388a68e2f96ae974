"""``manage.py pgtrigger try``: which stored rows and past changes a rule refuses."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.module_loading import import_string

import pgtrigger
from pgtrigger import trying
from pgtrigger.management.verbs import arguments
from pgtrigger.triggers import registry
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import KEPT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from django.core.management.base import BaseCommand
    from django.db.models import Model

    from pgtrigger.trying import Trial

HELP = "Shows which stored rows break a rule, and which past changes it would have refused."
EXAMPLES = """\
A rule need not be installed, and with --rule not even declared. Without arguments, every rule is
tried. Only reads, locks no row, and reports its progress on stderr. Exit codes: 0 if nothing is
found, 1 if a row breaks a rule or a change would have been refused, 2 for wrong arguments.

  manage.py pgtrigger try                                               every rule
  manage.py pgtrigger try shop.Order                                    every rule of a model
  manage.py pgtrigger try shop.Order:no_negative                        how many rows break it
  manage.py pgtrigger try shop.Order:no_negative --rows                 and their keys
  manage.py pgtrigger try shop.Order:paid --history --since 90d         changes that pghistory has
  manage.py pgtrigger try shop.Order:paid --history --format json       one JSON object a line
  manage.py pgtrigger try shop.Order --rule shop.rules.no_negative      a rule of a module
  manage.py pgtrigger try shop.Order --rule 'pgtrigger.AtMost(10, per="team")'
"""
# The names that the text of --rule may use.
_NAMES = {"pgtrigger": pgtrigger, "Q": models.Q}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="uri", help="or the label of a model")
    parser.add_argument(
        "--rule",
        metavar="PATH",
        help="a rule that the model does not declare: its path, or a Python expression",
    )
    arguments.add_database(parser)
    arguments.add_format(parser)
    parser.add_argument("--rows", action="store_true", help="list the keys of the rows")
    parser.add_argument("--history", action="store_true", help="also look at recorded changes")
    parser.add_argument(
        "--since", type=arguments.duration, metavar="90d", help="with --history: the last d, h, m"
    )


def handle(
    command: BaseCommand,
    *,
    targets: Sequence[str],
    rule: str | None,
    database: str,
    format: str,
    rows: bool,
    history: bool,
    since: timedelta | None,
    verbosity: int,
    **others: Any,
) -> None:
    output = _Output(command, is_json=format == "json", is_silent=verbosity == 0)
    found = 0
    for model, each in trying.find(*targets) if rule is None else _undeclared(targets, rule):
        trial = trying.Trial(model, each, database)
        found += _try_rows(trial, output, list_them=rows)
        if history:
            found += _try_changes(trial, output, since)
    if found:
        sys.exit(1)


def _undeclared(targets: Sequence[str], text: str) -> list[tuple[type[Model], Rule]]:
    """Return the rule of ``--rule`` and the rules that belong to it, each with the model."""
    if len(targets) != 1 or ":" in targets[0]:
        raise ValueError(f"--rule is tried on one model, such as shop.Order: found {targets!r}.")
    model = apps.get_model(targets[0])
    is_path = all(part.isidentifier() for part in text.split("."))
    try:
        rule = import_string(text) if is_path else eval(text, dict(_NAMES))
    except (ImportError, SyntaxError, NameError, AttributeError, TypeError) as error:
        raise ValueError(f"--rule {text} cannot be read: {error}") from error
    if not isinstance(rule, Rule):
        raise ValueError(f"--rule expects a rule such as pgtrigger.Protect(…): found {rule!r}.")
    family = [each for each in (rule, *rule.companions(model)) if isinstance(each, Rule)]
    for each in family:
        each.compile(model)
    return [(model, each) for each in family]


def _try_rows(trial: Trial, output: _Output, *, list_them: bool) -> int:
    uri = trial.rule.get_uri(trial.model)
    standing = trial.standing
    if standing is None:
        if uri not in registry.companion_uris():
            output.say({"uri": uri, "rows": None}, f"{uri}: no stored row can break it.")
        return 0
    number = 0
    for key in trial.rows(output.progress("rows", trial.estimate())):
        number += 1
        if list_them:
            output.say({"uri": uri, "key": key}, f"  {_pairs(key)}")
    read = f" of {trial.read:,} rows" if standing.query is None else f" {standing.noun}"
    output.say(
        {"uri": uri, "rows": number, "meaning": standing.meaning},
        f"{uri}: {number:,}{read} {standing.meaning}",
    )
    return 0 if standing.meaning == KEPT else number


def _try_changes(trial: Trial, output: _Output, since: timedelta | None) -> int:
    uri = trial.rule.get_uri(trial.model)
    start = timezone.now() - since if since is not None else None
    number = 0
    for change in trial.changes(start, output.progress("changes", 0)):
        number += 1
        output.say(
            {"uri": uri, **vars(change)},
            "  ".join(
                filter(
                    None,
                    (
                        f"  {timezone.localtime(change.time):%Y-%m-%d %H:%M:%S}",
                        change.operation,
                        _pairs(change.key),
                        _pairs(change.detail),
                        _pairs(change.context or {}),
                    ),
                )
            ),
        )
    output.say(
        {"uri": uri, "changes": number, "read": trial.read},
        f"{uri}: {number:,} of {trial.read:,} recorded changes would have been refused",
    )
    return number


class _Output:
    """Results on stdout, progress on stderr."""

    def __init__(self, command: BaseCommand, *, is_json: bool, is_silent: bool):
        self.command, self.is_json, self.is_silent = command, is_json, is_silent

    def say(self, values: dict[str, Any], text: str) -> None:
        self.command.stdout.write(
            json.dumps(values, cls=DjangoJSONEncoder) if self.is_json else text
        )

    def progress(self, noun: str, total: int) -> Callable[[int], None]:
        """Return a function that reports a number, at most every two seconds."""
        last = time.monotonic()

        def report(number: int) -> None:
            nonlocal last
            if self.is_silent or time.monotonic() - last < 2:
                return
            last = time.monotonic()
            of_all = f" of about {total:,}" if total else ""
            self.command.stderr.write(f"{number:,}{of_all} {noun} read")

        return report


def _pairs(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items())
