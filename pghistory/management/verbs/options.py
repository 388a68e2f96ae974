"""The arguments that several commands have."""

from __future__ import annotations

import argparse

from django.db import DEFAULT_DB_ALIAS


def add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "labels",
        nargs="*",
        metavar="app.Model",
        help="tracked models or event models (default: all)",
    )


def add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-d", "--database", default=DEFAULT_DB_ALIAS, help="database alias")


def add_batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--batch", type=positive, default=10_000, help="rows of one transaction (default: 10000)"
    )


def positive(text: str) -> int:
    """Return the number, which must be at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {text}, expected at least 1")
    return number
