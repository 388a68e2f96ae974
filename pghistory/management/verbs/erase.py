"""``manage.py pghistory erase``: erase the values of one object from the history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError

from pghistory.keeping import erasure
from pghistory.management.verbs import arguments

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import OutputWrapper

HELP = "Erases the values of one object from events and contexts, and prints a receipt."
EXAMPLES = """\
First change or delete the row itself. This command only changes the history, including the events
of that change. If a run is interrupted, run the same command again. Only the owner of the event
tables can run it. Exit codes: 0 done, 1 an error.

  manage.py pghistory erase shop.Customer 17 --field email --field name --dry-run
  manage.py pghistory erase shop.Customer 17 --field name=Anonymous --field shop.Order.address
  manage.py pghistory erase auth.User 3 --field email --metadata url --metadata ip
  manage.py pghistory erase shop.Customer 17 --context email=ada@example.com
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="app.Model", help="the model of the object")
    parser.add_argument("key", metavar="PK", help="its primary key; the row may be deleted already")
    parser.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help="field to erase; app.Model.field for events of another model that refer to the "
        "object; NAME=VALUE replaces the field with VALUE",
    )
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="select the contexts in which KEY has this value, and erase KEY there "
        "(default: user=PK if the object is a user)",
    )
    parser.add_argument(
        "--metadata",
        action="append",
        metavar="KEY",
        help="metadata key to erase in the contexts that --context selects and in the contexts of "
        "the object's events (default: url)",
    )
    arguments.add_database(parser)
    arguments.add_batch(parser)
    arguments.add_dry_run(parser)
    arguments.add_format(parser)


def handle(
    stdout: OutputWrapper,
    *,
    model: str,
    key: str,
    field: list[str],
    context: list[str],
    metadata: list[str] | None,
    database: str,
    batch: int,
    dry_run: bool,
    format: str,
    **others: Any,
) -> None:
    receipt = erasure.erase(
        _object(model, key),
        {name: value if equals else ... for name, equals, value in map(_parts, field)},
        contexts={name: value for name, _, value in map(_parts, context)} if context else None,
        metadata=["url"] if metadata is None else metadata,
        dry_run=dry_run,
        using=database,
        batch=batch,
    )
    if format == "json":
        stdout.write(json.dumps(receipt.as_json(), indent=2))
    else:
        stdout.write(str(receipt) or f"Found nothing to erase for {receipt.object}.")


def _parts(text: str) -> tuple[str, str, str]:
    return text.partition("=")


def _object(label: str, key: str) -> Any:
    """Return an instance with this key. The row is not read, because it may have been deleted.

    Raises:
        ValueError: There is no such model, or the key is not valid for the model.
    """
    try:
        model: Any = apps.get_model(label)
        return model(pk=model._meta.pk.to_python(key))
    except (LookupError, TypeError, AttributeError, ValidationError) as error:
        raise ValueError(f"{label} {key}: not the key of an object ({error}).") from error
