"""Output that several verbs have."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand


def say(command: BaseCommand, text: str) -> None:
    """Write a line that says that all is well."""
    command.stdout.write(command.style.SUCCESS(text))


def write_json(command: BaseCommand, values: Any) -> None:
    """Write the values as indented JSON."""
    command.stdout.write(json.dumps(values, indent=2, cls=DjangoJSONEncoder))


def write_switched(command: BaseCommand, done: str, names: Sequence[str], format: str) -> None:
    """Write which triggers were enabled or disabled; ``done`` is the text for that."""
    if format == "json":
        write_json(command, {done.partition(" ")[0].lower(): names})
    else:
        say(command, f"{done}: {len(names)}")


def write_dropped(
    command: BaseCommand, names: Sequence[str], *, dry_run: bool, format: str
) -> None:
    """Write which triggers were dropped, or would be."""
    if format == "json":
        write_json(command, {"dry_run": dry_run, "dropped": names})
        return
    for name in names:
        command.stdout.write(f"{'would drop' if dry_run else 'dropped'} {name}")
    say(command, f"{'Would be dropped' if dry_run else 'Dropped'}: {len(names)}")
