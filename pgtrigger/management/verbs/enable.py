"""``manage.py pgtrigger enable``: let triggers fire again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output, status

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Lets triggers fire."
EXAMPLES = arguments.epilog("enable shop.Order:paid")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_uris(parser)
    arguments.add_place(parser)
    arguments.add_format(parser)


def handle(
    command: BaseCommand, *, uris: Sequence[str], database: str, format: str, **others: Any
) -> None:
    administration.enable(*uris, database=database)
    names = status.installed(uris, database)
    if format == "json":
        output.write_json(command, {"enabled": names})
    else:
        output.say(command, f"Enabled: {len(names)}")
