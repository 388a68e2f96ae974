"""``manage.py pgtrigger uninstall``: drop triggers and their functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.conf import settings
from pgtrigger.management.verbs import arguments, output, status

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Drops triggers and their functions."
EXAMPLES = arguments.epilog("uninstall shop.Order:paid --dry-run")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_uris(parser)
    arguments.add_place(parser)
    arguments.add_lock_timeout(parser)
    arguments.add_dry_run(parser)
    arguments.add_format(parser)


def handle(
    command: BaseCommand,
    *,
    uris: Sequence[str],
    database: str,
    lock_timeout: int | None,
    dry_run: bool,
    format: str,
    **others: Any,
) -> None:
    names = status.installed(uris, database)
    if not uris and settings.prune_on_install:
        names += status.undeclared(database)
    if not dry_run:
        administration.uninstall(*uris, database=database, lock_timeout=lock_timeout)
    output.write_dropped(command, names, dry_run=dry_run, format=format)
