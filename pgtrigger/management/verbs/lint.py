"""``manage.py pgtrigger lint``: triggers that may not do what was meant."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from pgtrigger import linting
from pgtrigger.management.verbs import arguments, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Lists triggers that may not do what was meant."
EXAMPLES = arguments.epilog("lint --format json", finding="anything is found")
add_arguments = arguments.add_triggers


def handle(
    command: BaseCommand, *, uris: Sequence[str], database: str, format: str, **others: Any
) -> None:
    found = linting.lint(*uris, database=database)
    if format == "json":
        output.write_json(command, [dataclasses.asdict(each) for each in found])
    else:
        for each in found:
            command.stdout.write(f"{each.id} {each.uri}\n  {each.reason}\n  {each.remedy}")
        if not found:
            output.say(command, "Nothing found.")
    if found:
        sys.exit(1)
