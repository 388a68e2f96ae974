"""``manage.py pghistory upgrade``: write the migrations that event tables still need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError

from pghistory import postponing
from pghistory.tracking import event_models

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import OutputWrapper

HELP = "Writes a migration that gives event tables 64-bit keys and two indexes."
EXAMPLES = """\
The migration makes pgh_id a 64-bit integer and builds two indexes. PostgreSQL rewrites the table,
so nobody can read or write the events while the migration runs. For a large table, make the same
changes online and apply the migration with --fake: see docs/moving-from-pypi.md. Exit codes: 0
done, 1 an error.

  manage.py pghistory upgrade shop.OrderEvent    write a migration for this event model
  manage.py pghistory upgrade --all              write migrations for all event models
  manage.py pghistory upgrade --list             list the tables that need a migration, with sizes
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labels", nargs="*", metavar="app.EventModel", help="event models")
    parser.add_argument("--all", action="store_true", help="every event model")
    parser.add_argument(
        "--list", action="store_true", help="only list the tables that still need a migration"
    )


def handle(stdout: OutputWrapper, *, labels: list[str], **options: Any) -> None:
    if options["list"]:
        call_command("makemigrations", "--dry-run", verbosity=0)
        waiting = [str(each) for each in postponing.postponed()]
        stdout.write("\n".join(waiting or ["No event table needs a migration."]))
        return
    found = _models(labels, everything=options["all"])
    with postponing.asked(model._meta.label for model in found):
        call_command("makemigrations", *sorted({each._meta.app_label for each in found}))


def _models(labels: list[str], *, everything: bool) -> list[Any]:
    known = event_models.all_event_models()
    if everything:
        return known
    if not labels:
        raise CommandError("Name the event models (app.EventModel), or use --all or --list.")
    found = []
    for label in labels:
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError):
            model = None
        if model not in known:
            raise CommandError(
                f"{label} is not an event model. The event models are: "
                f"{', '.join(sorted(each._meta.label for each in known))}."
            )
        found.append(model)
    return found
