"""``manage.py pgtrigger install``: install the triggers that are missing or outdated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtrigger import administration
from pgtrigger.management.verbs import arguments, output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from django.core.management.base import BaseCommand

HELP = "Installs what is missing or outdated."
EXAMPLES = arguments.epilog("install --lock-timeout 2000")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_uris(parser)
    arguments.add_place(parser)
    arguments.add_lock_timeout(parser)
    arguments.add_format(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the SQL, and change nothing")


def handle(
    command: BaseCommand,
    *,
    uris: Sequence[str],
    database: str,
    lock_timeout: int | None,
    dry_run: bool,
    format: str,
    verbosity: int,
    **others: Any,
) -> None:
    if dry_run:
        _write_plan(command, administration.plan(*uris, database=database), format)
        return
    installed = []

    def progress(done: int, total: int, uri: str) -> None:
        installed.append(uri)
        if verbosity and format == "text":
            command.stdout.write(f"{done}/{total} {uri}")

    administration.install(*uris, database=database, lock_timeout=lock_timeout, progress=progress)
    count = len(administration.entries(*uris, database=database))
    if format == "json":
        output.write_json(command, {"installed": installed, "as_declared": count})
    elif verbosity:
        output.say(command, f"Installed as declared: {count}")


def _write_plan(
    command: BaseCommand, plan: Iterable[tuple[str, Sequence[str]]], format: str
) -> None:
    planned = list(plan)
    if format == "json":
        output.write_json(command, [{"uri": uri, "statements": list(sql)} for uri, sql in planned])
        return
    for uri, statements in planned or [("Nothing to install.", [])]:
        command.stdout.write(f"-- {uri}")
        for statement in statements:
            command.stdout.write(statement)
