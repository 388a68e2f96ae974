"""``manage.py pghistory stats``: how large event tables are, and how fast they grow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pghistory.keeping import selection, statistics
from pghistory.management.verbs import arguments

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import OutputWrapper

HELP = "Shows rows, bytes, growth, the oldest event and the partitions of each event table."
EXAMPLES = """\
Rows are PostgreSQL's estimate. "left" is the number of empty partitions, "default" that of events
in the default partition. Exit codes: 0 done, 1 an error.

  manage.py pghistory stats                 all event tables, the largest first
  manage.py pghistory stats shop.Order      those of one model
  manage.py pghistory stats --format json   for a monitoring system
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_labels(parser)
    arguments.add_database(parser)
    arguments.add_format(parser)


def handle(
    stdout: OutputWrapper, *, labels: list[str], database: str, format: str, **others: Any
) -> None:
    found = statistics.collect(selection.chosen(labels), using=database)
    if format == "json":
        stdout.write(json.dumps([each.as_json() for each in found], indent=2))
        return
    header = ("event model", "rows", "bytes", "last day", "oldest event", "left", "default")
    rows = [
        (
            each.event_model,
            "unknown" if each.rows is None else str(each.rows),
            str(each.bytes),
            str(each.last_day),
            f"{each.oldest:%Y-%m-%d %H:%M:%S %Z}" if each.oldest else "-",
            "-" if each.partitions_left is None else str(each.partitions_left),
            "-" if each.default_rows is None else str(each.default_rows),
        )
        for each in found
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        stdout.write("  ".join(cells).rstrip())
