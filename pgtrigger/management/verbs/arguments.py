"""Arguments that several verbs have."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, connections

_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def add_database(parser: argparse.ArgumentParser) -> None:
    """Add ``--database``."""
    parser.add_argument(
        *("-d", "--database"),
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help="the database, by its alias in settings.DATABASES",
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
