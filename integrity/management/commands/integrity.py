import dataclasses
import json
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from collections.abc import Sequence
from itertools import starmap
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections

from integrity.audit import KINDS, Finding, audit

DESCRIPTION = "Finds what weakens the integrity that a database promises. The kinds of finding:"
EXIT_CODES = """\
exit codes: 0 nothing found, 1 something found, 2 the database could not be read

examples:
  manage.py integrity audit --skip deferrable
  manage.py integrity audit --format json | jq '.[] | .name'
"""


class Command(BaseCommand):
    help = "Looks after the integrity of a database; `integrity audit --help` says more."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="command", required=True, metavar="audit")
        audit_parser = commands.add_parser(
            "audit",
            help="find what weakens it",
            description="\n\n".join([DESCRIPTION, *starmap(_entry, KINDS.items())]),
            epilog=EXIT_CODES,
            formatter_class=RawDescriptionHelpFormatter,
        )
        audit_parser.add_argument(
            *("-d", "--database"),
            default=DEFAULT_DB_ALIAS,
            choices=list(connections),
            help="the alias of the database to read (default: %(default)s)",
        )
        audit_parser.add_argument(
            "--format",
            default="text",
            choices=["text", "json"],
            help="how to print the findings (default: %(default)s)",
        )
        audit_parser.add_argument(
            "--skip",
            action="append",
            default=[],
            choices=list(KINDS),
            metavar="KIND",
            help="a kind of finding to leave out; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            findings = audit(using=options["database"], skip=options["skip"])
        except DatabaseError as error:
            raise CommandError(f"Cannot read the catalog: {error}", returncode=2) from error
        if options["format"] == "json":
            self.stdout.write(json.dumps(list(map(dataclasses.asdict, findings)), indent=2))
        else:
            self.print_text(findings)
        if findings:
            sys.exit(1)

    def print_text(self, findings: Sequence[Finding]) -> None:
        for kind, meaning in KINDS.items():
            rows = [
                (f"{finding.schema}.{finding.table}", finding.name, finding.detail)
                for finding in findings
                if finding.kind == kind
            ]
            if rows:
                self.stdout.write(self.style.MIGRATE_HEADING(meaning))
                widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
                for where, name, detail in rows:
                    self.stdout.write(f"  {where:{widths[0]}}  {name:{widths[1]}}  {detail}")
                self.stdout.write("")
        self.stdout.write(f"{len(findings)} found." if findings else "Nothing found.")


def _entry(kind: str, meaning: str) -> str:
    return f"  {kind}\n{textwrap.fill(meaning, initial_indent='    ', subsequent_indent='    ')}"
