"""``manage.py pgtrigger disable``: keep triggers from firing, for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Keeps triggers from firing, for everybody."
EXAMPLES = arguments.epilog("disable shop.Order:paid")
add_arguments = arguments.add_triggers


def handle(
    command: BaseCommand, *, uris: Sequence[str], database: str, format: str, **others: Any
) -> None:
    administration.disable(*uris, database=database)
    output.write_switched(
        command, "Disabled for everybody", status.installed(uris, database), format
    )
