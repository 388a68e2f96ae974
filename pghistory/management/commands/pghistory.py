"""``manage.py pghistory``: the history's own commands. See ``pghistory.management.verbs``."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from pghistory.management.verbs import backfill, erase, partition, prune, stats, upgrade
from pgtrigger.management import missing_privileges
from pgtrigger.management.verbs import arguments

VERBS: dict[str, Any] = {
    "backfill": backfill,
    "erase": erase,
    "partition": partition,
    "prune": prune,
    "stats": stats,
    "upgrade": upgrade,
}


class Command(BaseCommand):
    help = "Fills, prunes, partitions, erases, measures and upgrades event tables."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        examples = "\n".join(f"{name}: {verb.EXAMPLES}" for name, verb in VERBS.items())
        return super().create_parser(prog_name, subcommand, epilog=examples, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        arguments.add_verbs(parser, VERBS)

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        own = {name: value for name, value in options.items() if name != "stdout"}
        try:
            with missing_privileges.as_command_error():
                VERBS[verb].handle(self.stdout, **own)
        except ValueError as error:
            raise CommandError(str(error)) from error
