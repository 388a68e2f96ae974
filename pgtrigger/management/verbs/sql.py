"""``manage.py pgtrigger sql``: the SQL that installs a trigger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger.management.verbs import arguments
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import BaseCommand

HELP = "Prints the SQL that installs a trigger."
EXAMPLES = arguments.epilog("sql shop.Order:paid")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("uri", help="app_label.ModelName:trigger_name")


def handle(command: BaseCommand, *, uri: str, **others: Any) -> None:
    model, trigger = registry.find(uri)
    command.stdout.write(trigger.compile(model).install_sql)
