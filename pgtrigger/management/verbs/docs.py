"""``manage.py pgtrigger docs``: the rules of each model in words and diagrams."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from pgtrigger import documenting
from pgtrigger.management.verbs import arguments
from pgtrigger.management.verbs.output import say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from django.core.management.base import BaseCommand

HELP = "Writes each model's rules as sentences, state diagrams, firing order."
EXAMPLES = arguments.epilog(
    "docs shop --output RULES.md", finding="--check finds the file out of date"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("apps", nargs="*", metavar="app_label", help="only models of these apps")
    parser.add_argument(
        "--format",
        choices=("markdown", "mermaid"),
        default="markdown",
        help="sentences and diagrams (markdown, the default), or diagrams alone",
    )
    parser.add_argument("--output", metavar="FILE", help="write this file instead of stdout")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 if FILE is out of date"
    )


def handle(
    command: BaseCommand,
    *,
    apps: Sequence[str],
    format: str,
    output: str | None,
    check: bool,
    **others: Any,
) -> None:
    if check and not output:
        raise CommandError("--check compares a file: add --output FILE.")
    render = documenting.markdown if format == "markdown" else documenting.mermaid
    text = render(apps)
    if output is None:
        command.stdout.write(text, ending="")
        return
    path = Path(output)
    if not check:
        path.write_text(text, encoding="utf-8")
        say(command, f"Wrote {output}")
    elif not path.exists() or path.read_text(encoding="utf-8") != text:
        words = " ".join([*apps, "--format", format, "--output", output])
        command.stderr.write(f"{output} is out of date. Run: manage.py pgtrigger docs {words}")
        sys.exit(1)
    else:
        say(command, f"Up to date: {output}")
