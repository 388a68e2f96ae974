"""``manage.py pghistory partition``: create partitions ahead of time, and remove old ones."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pghistory.keeping import partition_care, partitions, retention, selection
from pghistory.management.verbs import arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import OutputWrapper

    from pghistory.keeping.partition_care import Care

HELP = "Creates partitions of event tables ahead of time, and removes old ones."
EXAMPLES = """\
For event tables that a migration has partitioned. Run it every night. Events are removed if
track(keep=...), PGHISTORY_KEEP or --older-than says after which time; the last event of each object
stays. A run that was interrupted is continued by the same command. Only the owner of the event
tables can run it. Exit codes: 0 done, 1 an error.

  manage.py pghistory partition                              all partitioned event tables
  manage.py pghistory partition shop.Order --older-than 7y   those of one model
  manage.py pghistory partition --export /var/backups        keep what is removed as CSV files
  manage.py pghistory partition --dry-run                    what would be done
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_labels(parser)
    arguments.add_database(parser)
    parser.add_argument(
        "--ahead",
        type=arguments.positive,
        default=3,
        help="number of empty partitions after the newest event (default: 3)",
    )
    arguments.add_older_than(parser)
    parser.add_argument(
        "--export",
        type=_directory,
        metavar="DIRECTORY",
        help="write the events of each partition there before it is removed, as compressed CSV",
    )
    arguments.add_dry_run(parser)
    arguments.add_format(parser)


def handle(
    stdout: OutputWrapper,
    *,
    labels: list[str],
    database: str,
    ahead: int,
    older_than: str | None,
    export: Path | None,
    dry_run: bool,
    format: str,
    verbosity: int,
    **others: Any,
) -> None:
    done = []
    for event_model in selection.on_database(selection.chosen(labels), database):
        care = partition_care.Care(event_model, database)
        if not labels and partitions.read(care.table, database) is None:
            continue
        age = older_than or event_model.pgh_keep
        steps = _planned(care, ahead, age) if dry_run else _steps(care, ahead, age, export)
        for step in steps:
            done.append({"model": event_model._meta.label, **step})
            if verbosity and format == "text":
                stdout.write(_line(event_model._meta.label, step, dry_run=dry_run))
    if format == "json":
        stdout.write(json.dumps({"dry_run": dry_run, "steps": done}, indent=2))
    elif verbosity and not done:
        stdout.write("Nothing to do.")


def _steps(care: Care, ahead: int, age: Any, export: Path | None) -> Iterator[dict[str, Any]]:
    turned = care.turn_default_into_range()
    if turned is not None:
        yield {"action": "warning", "partition": turned}
    for name in care.create(ahead):
        yield {"action": "create", "partition": name}
    if age is not None:
        for removed in care.remove(retention.time_before(age, care.using), export):
            yield {
                "action": "remove",
                "partition": removed.partition,
                "events": removed.events,
                "kept": removed.kept,
                "file": removed.file,
            }


def _planned(care: Care, ahead: int, age: Any) -> Iterator[dict[str, Any]]:
    default = care.found.default
    if care.events_in_default() and default is not None:
        yield {"action": "warning", "partition": default.name}
    for partition in care.missing(ahead):
        yield {"action": "create", "partition": partition.name}
    if age is not None:
        for partition, _ in care.removable(retention.time_before(age, care.using)):
            yield {"action": "remove", "partition": partition.name}


def _line(label: str, step: dict[str, Any], *, dry_run: bool) -> str:
    name = step["partition"]
    if step["action"] == "warning" and dry_run:
        return f"{label}: WARNING: events are in the default partition {name}"
    if step["action"] == "warning":
        return (
            f"{label}: WARNING: events were in the default partition, which is now {name}. "
            "Run this command more often, or with a larger --ahead."
        )
    if dry_run:
        return f"{label}: would {step['action']} {name}"
    if step["action"] == "create":
        return f"{label}: created {name}"
    exported = f", exported to {step['file']}" if step["file"] else ""
    return f"{label}: removed {name}: {step['events']} events, {step['kept']} kept{exported}"


def _directory(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a directory")
    return path
