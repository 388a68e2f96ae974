"""``manage.py pgtrigger ls``: all triggers with their status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger.management.verbs import arguments, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Lists triggers with their status."
EXAMPLES = arguments.epilog("ls --format json")
add_arguments = arguments.add_triggers


def handle(
    command: BaseCommand, *, uris: Sequence[str], database: str, format: str, **others: Any
) -> None:
    status.write(command, status.rows(uris, database), format)
