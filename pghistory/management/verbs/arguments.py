"""The arguments that several commands have."""

from __future__ import annotations

import argparse
import re

from pgtrigger.management.verbs.arguments import add_database, add_format

__all__ = [
    "add_batch",
    "add_database",
    "add_dry_run",
    "add_format",
    "add_labels",
    "add_older_than",
    "age",
    "positive",
]


def add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "labels",
        nargs="*",
        metavar="app.Model",
        help="tracked models or event models (default: all)",
    )


def add_batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", type=positive, default=10_000, help="rows in a transaction (default: 10000)"
    )


def add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")


def add_older_than(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--older-than",
        type=age,
        metavar="AGE",
        help="days, weeks or years, such as 2555d, 52w or 7y (default: track(keep=...) of each)",
    )


# As PostgreSQL's intervals have them, but for m, which is a minute there.
_UNITS = {"d": "days", "w": "weeks", "y": "years"}


def age(text: str) -> str:
    """Return an interval of days, weeks or years, such as ``7y``, as PostgreSQL reads it."""
    found = re.fullmatch(r"([1-9]\d*)([dwy])", text)
    if not found:
        raise argparse.ArgumentTypeError(
            f"found {text}, expected days, weeks or years, such as 2555d, 52w or 7y"
        )
    return f"{found[1]} {_UNITS[found[2]]}"


def positive(text: str) -> int:
    """Return the number, which must be at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected at least 1")
    return number
