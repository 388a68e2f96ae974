"""``manage.py pghistory prune``: remove old events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pghistory.keeping import pruning, retention, selection
from pghistory.management.verbs import arguments

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from datetime import datetime

    from django.core.management.base import OutputWrapper

    from pghistory.keeping.pruning import Prune

HELP = "Removes old events, and the contexts that no event refers to any more."
EXAMPLES = """\
The last event of each object stays, so that as_of() still finds objects that have not changed
since; an earlier time is an error then. Each batch is a transaction. A run that was interrupted is
continued by the same command. Only the owner of the event tables can run it. Exit codes: 0 done,
1 an error.

  manage.py pghistory prune --older-than 7y               all event models
  manage.py pghistory prune shop.Order --older-than 90d   the events of one model
  manage.py pghistory prune                               models with track(keep=...)
  manage.py pghistory prune --older-than 7y --dry-run     how many events would be removed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_labels(parser)
    arguments.add_database(parser)
    arguments.add_older_than(parser)
    arguments.add_batch(parser)
    arguments.add_dry_run(parser)
    arguments.add_format(parser)


def handle(
    stdout: OutputWrapper,
    *,
    labels: list[str],
    database: str,
    older_than: str | None,
    batch: int,
    dry_run: bool,
    format: str,
    verbosity: int,
    **others: Any,
) -> None:
    chosen = selection.on_database(selection.chosen(labels), database)
    done = []
    for prune in _planned(chosen, older_than, database, batch, contexts=not dry_run):
        label = prune.model._meta.label

        def progress(rows: int, label: str = label) -> None:
            if verbosity > 1 and format == "text":
                stdout.write(f"{label}: {rows} removed so far")

        removed = prune.count() if dry_run else prune.run(progress)
        done.append({"model": label, "before": prune.before.isoformat(), "removed": removed})
        if verbosity and format == "text":
            stdout.write(f"{label}: {removed} {'would be removed' if dry_run else 'removed'}")
    if format == "json":
        stdout.write(json.dumps({"dry_run": dry_run, "models": done}, indent=2))


def _planned(
    chosen: list[Any], older_than: str | None, database: str, batch: int, *, contexts: bool
) -> Iterable[Prune]:
    """Yield what is to be removed, the contexts last, when their events have gone.

    Raises:
        ValueError: Nothing says how long events are kept.
    """
    times: list[datetime] = []
    for event_model in chosen:
        age = older_than or event_model.pgh_keep
        if age is not None:
            times.append(retention.time_before(age, database))
            yield pruning.of_events(event_model, times[-1], using=database, batch=batch)
    if not times:
        raise ValueError(
            "Nothing says how long events are kept: add --older-than, or declare "
            "track(keep=...) or settings.PGHISTORY_KEEP."
        )
    if contexts:
        yield pruning.of_contexts(max(times), using=database, batch=batch)
