"""``manage.py pgtrigger check``: triggers that differ, or what a role can do and should not."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from pgtrigger.database import catalog
from pgtrigger.management.verbs import arguments, output, status
from pgtrigger.roles import attempts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Lists what differs; exit code 1 if anything does."
EXAMPLES = arguments.epilog("check shop.Order:paid", finding="anything differs")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_triggers(parser)
    parser.add_argument(
        "--as",
        dest="role",
        metavar="ROLE",
        help="try to get past rules and history as this role, in a transaction that is rolled "
        "back; exit code 1 if it can, 2 if it cannot be tried",
    )
    parser.add_argument("--all", action="store_true", help="with --as: also what was refused")


def handle(
    command: BaseCommand,
    *,
    uris: Sequence[str],
    database: str,
    format: str,
    role: str | None,
    all: bool,
    **others: Any,
) -> None:
    if role is not None:
        _check_role(command, role, database, format, all)
        return
    rows = status.rows(uris, database)
    differing = [
        row
        for row in rows
        if row["status"] in (catalog.OUTDATED, catalog.UNINSTALLED, catalog.PRUNE)
        or row["enabled"] not in ("ENABLED", "N/A")
    ]
    if differing or format == "json":
        status.write(command, differing, format)
    else:
        output.say(command, f"Installed as declared: {len(rows)}")
    if differing:
        sys.exit(1)


def _check_role(command: BaseCommand, role: str, database: str, format: str, all: bool) -> None:
    try:
        results = attempts.run(role, database)
    except attempts.CannotTry as error:
        raise CommandError(str(error.args[0]), returncode=2) from error
    shown = [each for each in results if each.found or all]
    if format == "json":
        output.write_json(command, [dataclasses.asdict(each) for each in shown])
    else:
        for each in shown:
            word = command.style.ERROR("FOUND") if each.found else command.style.SUCCESS("ok   ")
            command.stdout.write(f"{word}  {each.check}  {each.object}  {each.detail}")
        count = sum(each.found for each in results)
        command.stdout.write(f"{len(results)} attempts as {role}, {count} found")
    if any(each.found for each in results):
        sys.exit(1)
