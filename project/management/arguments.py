"""The arguments that several commands have."""

from django.core.management.base import CommandParser
from django.db import DEFAULT_DB_ALIAS, connections


def add_database(parser: CommandParser) -> None:
    """Add ``--database``."""
    parser.add_argument(
        *("-d", "--database"),
        default=DEFAULT_DB_ALIAS,
        choices=tuple(connections),
        help="The database, by its alias in settings.DATABASES.",
    )


def add_format(parser: CommandParser) -> None:
    """Add ``--format``."""
    parser.add_argument(
        "--format", choices=["text", "json"], default="text", help="The output: text by default."
    )
