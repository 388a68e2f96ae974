"""``manage.py pgtrigger prune``: drop the triggers that no model declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output, status

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import BaseCommand

HELP = "Drops the triggers that no model declares."
EXAMPLES = arguments.epilog("prune --dry-run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_place(parser)
    arguments.add_dry_run(parser)
    arguments.add_format(parser)


def handle(
    command: BaseCommand, *, database: str, dry_run: bool, format: str, **others: Any
) -> None:
    names = status.undeclared(database)
    if not dry_run:
        administration.prune(database)
    output.write_dropped(command, names, dry_run=dry_run, format=format)
