"""Arguments that several verbs have, and the end of a verb's help."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def epilog(example: str, *, finding: str = "") -> str:
    """Return the end of a verb's help: an example and the exit codes.

    Args:
        example: the words after ``manage.py pgtrigger``.
        finding: when the verb exits with 1, apart from a failure.
    """
    one = " or ".join(filter(None, [finding, "the command failed"]))
    return f"example: manage.py pgtrigger {example}\nexit codes: 0 done, 1 {one}, 2 wrong arguments"


def add_verbs(parser: argparse.ArgumentParser, verbs: Mapping[str, Any]) -> None:
    """Add a subparser for each verb, which is a module with HELP, EXAMPLES and add_arguments()."""
    commands = parser.add_subparsers(dest="verb", metavar="command", required=True)
    for name, verb in verbs.items():
        added = commands.add_parser(
            name,
            help=verb.HELP,
            description=verb.HELP,
            epilog=verb.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(added)


def add_triggers(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a verb that is about chosen triggers of one database."""
    add_uris(parser)
    add_place(parser)
    add_format(parser)


def add_uris(parser: argparse.ArgumentParser) -> None:
    """Add the URIs of triggers."""
    parser.add_argument(
        "uris", nargs="*", metavar="uri", help="app_label.ModelName:trigger_name; all by default"
    )


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add ``--database``."""
    parser.add_argument(
        *("-d", "--database"),
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help="the database, by its alias in settings.DATABASES",
    )


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add ``--database`` and ``--schema``."""
    add_database(parser)
    parser.add_argument(
        *("-s", "--schema"),
        action="append",
        help="a schema to look for tables in, instead of search_path; may be repeated",
    )


def add_lock_timeout(parser: argparse.ArgumentParser) -> None:
    """Add ``--lock-timeout``."""
    parser.add_argument(
        "--lock-timeout",
        type=int,
        metavar="MS",
        help="wait for a table no longer than this, and try again, ten times in all, "
        "so that nobody queues up behind the installation",
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    """Add the ``--dry-run`` of a verb that drops triggers."""
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be dropped, and change nothing"
    )


def add_format(parser: argparse.ArgumentParser) -> None:
    """Add ``--format``."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="output (default: text)"
    )


def duration(text: str) -> timedelta:
    """Return the duration of a text such as ``90d``, ``12h`` or ``30m``."""
    match = re.fullmatch(r"(\d+)([dhm])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number and d, h or m: 90d")
    number, unit = match.groups()
    return timedelta(**{_UNITS[unit]: int(number)})
