"""``manage.py pgtrigger recount``: the numbers of Count and Sum, compared with the rows."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from pgtrigger import recounting
from pgtrigger.management.verbs import arguments, output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Compares the numbers of Count and Sum with the rows, and repairs them."
EXAMPLES = arguments.epilog(
    "recount shop.Post:comment_count", finding="--check finds a wrong number"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_triggers(parser)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit code 1 if a number is wrong"
    )


def handle(
    command: BaseCommand,
    *,
    uris: Sequence[str],
    database: str,
    check: bool,
    format: str,
    **others: Any,
) -> None:
    compare = recounting.differences if check else recounting.repair
    state = "wrong" if check else "repaired"
    found = {
        rule.get_uri(model): compare(model, rule, database)
        for model, rule in recounting.aggregates(*uris)
    }
    if format == "json":
        output.write_json(
            command,
            [
                {"uri": uri, state: [dataclasses.asdict(each) for each in differences]}
                for uri, differences in found.items()
            ],
        )
    else:
        for uri, differences in found.items():
            command.stdout.write(f"{uri}: {len(differences)} {state}")
            for each in differences:
                command.stdout.write(f"  {each.key}: {each.stored}, counted {each.counted}")
        if not found:
            output.say(command, "No model has a Count or a Sum.")
    if check and any(found.values()):
        sys.exit(1)
