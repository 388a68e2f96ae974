"""``manage.py pgtrigger violations``: what rules with ``mode="report"`` have recorded."""

from __future__ import annotations

import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.forms.models import model_to_dict
from django.utils import timezone

from pgtrigger import naming, violations
from pgtrigger.management.verbs import arguments

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from django.core.management.base import BaseCommand

    from pgtrigger.models import Violation
    from pgtrigger.violations import Group

HELP = 'Lists what rules with mode="report" would have refused.'
EXAMPLES = """\
Exit codes: 0 if there is none (and with --delete), 1 if there are some, 2 for wrong arguments.

  manage.py pgtrigger violations                          a line for each rule
  manage.py pgtrigger violations shop.Order:paid --by key a line for each row of a table
  manage.py pgtrigger violations --by session             a line for each role and application
  manage.py pgtrigger violations --by record --limit 20   the latest 20, one by one
  manage.py pgtrigger violations --since 7d --format json
  manage.py pgtrigger violations --delete --older-than 30d

Beyond 1,000 records for each rule and hour violations are only counted, so that only the lines of
rules have them all. --delete needs a role that owns the tables.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("uris", nargs="*", metavar="uri", help="only these rules")
    arguments.add_database(parser)
    arguments.add_format(parser)
    parser.add_argument(
        "--by",
        choices=(*violations.GROUPS, "record"),
        default="rule",
        help="what a line stands for (default: rule)",
    )
    parser.add_argument(
        "--since", type=arguments.duration, metavar="7d", help="only the last d, h, m"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="no more than N lines")
    parser.add_argument("--delete", action="store_true", help="remove records and counters")
    parser.add_argument(
        "--older-than",
        type=arguments.duration,
        metavar="30d",
        help="with --delete: only older ones",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="with --delete: count them, and remove nothing"
    )


def handle(
    command: BaseCommand,
    *,
    uris: Sequence[str],
    database: str,
    format: str,
    by: str,
    since: timedelta | None,
    limit: int | None,
    delete: bool,
    older_than: timedelta | None,
    dry_run: bool,
    **others: Any,
) -> None:
    for uri in uris:
        naming.validate_uri(uri)
    if delete:
        if since is not None:
            raise ValueError("--delete removes old records: write --older-than, not --since.")
        before = timezone.now() - older_than if older_than is not None else None
        records, counters = violations.remove(
            *uris, before=before, dry_run=dry_run, database=database
        )
        _write_removed(command, records, counters, dry_run, format)
        return
    if older_than is not None or dry_run:
        raise ValueError("--older-than and --dry-run belong to --delete.")
    start = timezone.now() - since if since is not None else None
    found: Iterator[dict[str, Any]]
    if by == "record":
        rows = violations.records(*uris, since=start, database=database)
        found = (_of_record(row) for row in rows.iterator())
    else:
        groups = violations.groups(by, *uris, since=start, database=database)
        found = (_of_group(group) for group in groups)
    write = _write_json if format == "json" else _write_text
    if write(command, itertools.islice(found, limit)):
        sys.exit(1)


def _write_removed(
    command: BaseCommand, records: int, counters: int, dry_run: bool, format: str
) -> None:
    if format == "json":
        removed = {"dry_run": dry_run, "records": records, "counters": counters}
        command.stdout.write(json.dumps(removed))
    else:
        verb = "would be removed" if dry_run else "removed"
        command.stdout.write(
            f"{_number(records, 'record')} and {_number(counters, 'counter')} {verb}"
        )


def _number(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _of_group(group: Group) -> dict[str, Any]:
    return {
        **group.values,
        "violations": group.number,
        "recorded": group.records,
        "first": group.first,
        "last": group.last,
    }


def _of_record(row: Violation) -> dict[str, Any]:
    return {"time": row.created_at, **model_to_dict(row, exclude=["id", "created_at"])}


def _write_json(command: BaseCommand, rows: Iterator[dict[str, Any]]) -> int:
    """Write an array, one element a line, while the rows are read. Return their number."""
    number = 0
    for row in rows:
        command.stdout.write(("[" if number == 0 else ",") + json.dumps(row, cls=DjangoJSONEncoder))
        number += 1
    command.stdout.write("]" if number else "[]")
    return number


def _write_text(command: BaseCommand, rows: Iterator[dict[str, Any]]) -> int:
    number = 0
    for row in rows:
        command.stdout.write("  ".join(_shown(name, value) for name, value in _chosen(row)))
        number += 1
    if not number:
        command.stdout.write("No violation is recorded.")
    return number


def _chosen(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values to show on a line. The detail is hidden: it repeats the message."""
    hidden = {"table_name", "detail", "context_id", "recorded"}
    for name, value in row.items():
        if name not in hidden and value not in (None, ""):
            yield name, value


def _shown(name: str, value: Any) -> str:
    if name in ("time", "first", "last"):
        text = f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
        return text if name == "time" else f"{name} {text}"
    if name == "violations":
        return _number(value, "violation")
    if isinstance(value, dict):
        return " ".join(f"{each}={one}" for each, one in value.items())
    return str(value).partition("\n")[0]
