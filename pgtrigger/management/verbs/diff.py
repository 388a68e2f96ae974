"""``manage.py pgtrigger diff``: how installed triggers differ from their declarations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Shows how the database differs from the declarations."
EXAMPLES = arguments.epilog("diff shop.Order:paid")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_uris(parser)
    arguments.add_place(parser)


def handle(command: BaseCommand, *, uris: Sequence[str], database: str, **others: Any) -> None:
    lines = list(administration.diff(*uris, database=database))
    for line in lines:
        command.stdout.write(line)
    if not lines:
        output.say(command, "Nothing differs.")
