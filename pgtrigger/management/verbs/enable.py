"""``manage.py pgtrigger enable``: let triggers fire again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Lets triggers fire."
EXAMPLES = arguments.epilog("enable shop.Order:paid")
add_arguments = arguments.add_triggers


def handle(
    command: BaseCommand, *, uris: Sequence[str], database: str, format: str, **others: Any
) -> None:
    administration.enable(*uris, database=database)
    output.write_switched(command, "Enabled", status.installed(uris, database), format)
