"""``manage.py pghistory backfill``: write a first event for each row without events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pghistory.keeping import backfill, selection
from pghistory.management.verbs import arguments

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import OutputWrapper

HELP = "Writes a first event for each row that has none."
EXAMPLES = """\
Each batch is a transaction and locks its rows against changes until it is committed. A run that was
interrupted is continued by the same command. Exit codes: 0 done, 1 an error.

  manage.py pghistory backfill                           all tracked models with events of inserts
  manage.py pghistory backfill shop.Order --batch 1000   one model, in short transactions
  manage.py pghistory backfill shop.Order --label seen   the label of the events
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_labels(parser)
    arguments.add_database(parser)
    parser.add_argument("--label", help="label of the events (default: that of inserts)")
    arguments.add_batch(parser)
    arguments.add_format(parser)


def handle(
    stdout: OutputWrapper,
    *,
    labels: list[str],
    database: str,
    label: str | None,
    batch: int,
    format: str,
    verbosity: int,
    **others: Any,
) -> None:
    chosen = selection.chosen(labels)
    if not labels and label is None:
        chosen = [each for each in chosen if backfill.default_label(each)]
    planned = [
        backfill.of_event_model(each, label=label, using=database, batch=batch)
        for each in selection.on_database(chosen, database)
    ]
    done = []
    for each in planned:
        name = each.event_model._meta.label

        def progress(rows: int, name: str = name) -> None:
            if verbosity > 1 and format == "text":
                stdout.write(f"{name}: {rows} events so far")

        written = each.run(progress)
        done.append({"model": name, "written": written})
        if verbosity and format == "text":
            stdout.write(f"{name}: {written} events written")
    if format == "json":
        stdout.write(json.dumps({"models": done}, indent=2))
    elif verbosity and not done:
        stdout.write("Nothing to do.")
