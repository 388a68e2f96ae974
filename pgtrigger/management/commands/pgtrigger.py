"""``manage.py pgtrigger``: the declared triggers and a database, looked at and brought together."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from pgtrigger import administration, documenting, linting, recounting
from pgtrigger.conf import settings
from pgtrigger.database import catalog
from pgtrigger.management import missing_privileges
from pgtrigger.management.verbs import arguments, trying, violations
from pgtrigger.roles import attempts, capturing, objects, privileges
from pgtrigger.session import search_path
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The verbs that have a separate module.
VERBS: dict[str, Any] = {"try": trying, "violations": violations}

EPILOG = """\
A trigger's URI is app_label.ModelName:trigger_name; ls shows them all. Without URIs a command means
every declared trigger, and install and uninstall then also drop those that nothing declares.

  manage.py pgtrigger ls                      what is declared, and what the database has of it
  manage.py pgtrigger check                   exit code 1 where the two differ
  manage.py pgtrigger roles --app shop_app    the privileges that the application's role lacks
  manage.py pgtrigger check --as shop_app     what that role can do, and should not
  manage.py pgtrigger diff shop.Order:paid    how a trigger in the database differs from its model
  manage.py pgtrigger install --dry-run       the SQL that would bring the database up to date
  manage.py pgtrigger sql shop.Order:paid     the SQL of one trigger
  manage.py pgtrigger lint                    triggers that may not do what was meant
  manage.py pgtrigger docs --output RULES.md  the rules in words and diagrams
  manage.py pgtrigger recount --check         exit code 1 if a Count or Sum is wrong
  manage.py pgtrigger try shop.Order:paid     which stored rows break a rule
  manage.py pgtrigger violations              what rules in report mode would have refused

status   INSTALLED    in the database as declared
         OUTDATED     declared otherwise since, or changed by hand in the database
         UNINSTALLED  declared, but not in the database
         PRUNE        in the database, but declared by no model (shown as table:trigger)
         UNALLOWED    the routers keep its model off this database
enabled  ENABLED, DISABLED, ALWAYS or REPLICA (see ALTER TABLE … TRIGGER); N/A: not there

exit code  0 it is done, or nothing differs
           1 something differs (check, lint, violations, --check), or the command failed
           2 the command line is wrong, or an attempt could not be made (check --as)
"""

# An example of each subcommand.
EXAMPLES = {
    "ls": "ls --format json",
    "check": "check shop.Order:paid",
    "roles": "roles --app shop_app --apply",
    "diff": "diff shop.Order:paid",
    "install": "install --lock-timeout 2000",
    "uninstall": "uninstall shop.Order:paid --dry-run",
    "enable": "enable shop.Order:paid",
    "disable": "disable shop.Order:paid",
    "prune": "prune --dry-run",
    "recount": "recount shop.Post:comment_count",
    "lint": "lint --format json",
    "docs": "docs shop --output RULES.md",
    "sql": "sql shop.Order:paid",
}
# When a subcommand exits with 1, apart from a failure.
FINDINGS = {
    "check": "anything differs",
    "recount": "--check finds a wrong number",
    "lint": "anything is found",
    "docs": "--check finds the file out of date",
}


_LOCKED = """\
A table is locked by another transaction, for longer than this command waits. The trigger that was
next is as it was before. Wait for that transaction or end it and run the command again, or give a
longer --lock-timeout. To see the transactions that have been open longest:
  SELECT pid, xact_start, state, query FROM pg_stat_activity
  WHERE datname = current_database() AND xact_start IS NOT NULL ORDER BY xact_start;"""


class Command(BaseCommand):
    help = "Lists, installs, compares, enables, disables and removes triggers."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="verb", metavar="command", required=True)
        uris = _parent(_add_uris)
        dry_run = _parent(_add_dry_run)
        place = _parent(_add_place)
        database = _parent(arguments.add_database)
        output = _parent(arguments.add_format)
        lock = _parent(_add_lock_timeout)

        def add(name: str, help_text: str, *parents: argparse.ArgumentParser) -> Any:
            one = " or ".join(filter(None, [FINDINGS.get(name), "the command failed"]))
            return commands.add_parser(
                name,
                help=help_text,
                description=help_text,
                epilog=f"example: manage.py pgtrigger {EXAMPLES.get(name)}\n"
                f"exit codes: 0 done, 1 {one}, 2 wrong arguments",
                formatter_class=argparse.RawDescriptionHelpFormatter,
                parents=parents,
            )

        add("ls", "Lists triggers with their status.", uris, place, output)
        check = add(
            "check", "Lists what differs; exit code 1 if anything does.", uris, place, output
        )
        check.add_argument(
            "--as",
            dest="role",
            metavar="ROLE",
            help="try to get past rules and history as this role, in a transaction that is rolled "
            "back; exit code 1 if it can, 2 if it cannot be tried",
        )
        check.add_argument("--all", action="store_true", help="with --as: also what was refused")
        roles = add(
            "roles", "Prints or grants the privileges that the roles lack.", database, output
        )
        for option, role in _ROLES.items():
            roles.add_argument(f"--{option}", metavar="ROLE", help=role)
        roles.add_argument("--apply", action="store_true", help="run the statements")
        add("diff", "Shows how the database differs from the declarations.", uris, place)
        install = add("install", "Installs what is missing or outdated.", uris, place, lock, output)
        install.add_argument(
            "--dry-run", action="store_true", help="print the SQL, and change nothing"
        )
        add("uninstall", "Drops triggers and their functions.", uris, place, lock, dry_run, output)
        add("enable", "Lets triggers fire.", uris, place, output)
        add("disable", "Keeps triggers from firing, for everybody.", uris, place, output)
        add("prune", "Drops the triggers that no model declares.", place, dry_run, output)
        recount = add(
            "recount", "Compares the numbers of Count and Sum with the rows, and repairs them.",
            uris, place, output,
        )  # fmt: skip
        recount.add_argument(
            "--check", action="store_true", help="change nothing; exit code 1 if a number is wrong"
        )
        add("lint", "Lists triggers that may not do what was meant.", uris, place, output)
        docs = add("docs", "Writes each model's rules as sentences, state diagrams, firing order.")
        docs.add_argument("apps", nargs="*", metavar="app_label", help="only models of these apps")
        docs.add_argument(
            "--format",
            choices=("markdown", "mermaid"),
            default="markdown",
            help="sentences and diagrams (markdown, the default), or diagrams alone",
        )
        docs.add_argument("--output", metavar="FILE", help="write this file instead of stdout")
        docs.add_argument(
            "--check", action="store_true", help="write nothing; exit code 1 if FILE is out of date"
        )
        sql = add("sql", "Prints the SQL that installs a trigger.")
        sql.add_argument("uri", help="app_label.ModelName:trigger_name")
        for name, module in VERBS.items():
            added = add(name, module.HELP)
            added.epilog = module.EXAMPLES
            module.add_arguments(added)

    def handle(
        self, *args: Any, verb: str, schema: list[str] | None = None, **options: Any
    ) -> None:
        scope = search_path.schema(*schema) if schema else contextlib.nullcontext()
        try:
            with missing_privileges.as_command_error(), scope:
                if verb in VERBS:
                    VERBS[verb].handle(self, **options)
                else:
                    getattr(self, f"do_{verb}")(**options)
        except (LookupError, ValueError) as error:
            message = str(error.args[0] if error.args else error)
            raise CommandError(message, returncode=2 if verb in VERBS else 1) from error
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(_LOCKED) from error
            raise

    def do_ls(self, uris: Sequence[str], database: str, format: str, **options: Any) -> None:
        rows = _rows(uris, database)
        self._print_rows(rows, format)

    def do_check(
        self,
        uris: Sequence[str],
        database: str,
        format: str,
        role: str | None = None,
        all: bool = False,
        **options: Any,
    ) -> None:
        if role is not None:
            self._check_role(role, database, format, all)
            return
        rows = _rows(uris, database)
        differing = [
            row
            for row in rows
            if row["status"] in (catalog.OUTDATED, catalog.UNINSTALLED, catalog.PRUNE)
            or row["enabled"] not in ("ENABLED", "N/A")
        ]
        if differing or format == "json":
            self._print_rows(differing, format)
        else:
            self._say(f"Installed as declared: {len(rows)}")
        if differing:
            sys.exit(1)

    def do_diff(self, uris: Sequence[str], database: str, **options: Any) -> None:
        lines = list(administration.diff(*uris, database=database))
        for line in lines:
            self.stdout.write(line)
        if not lines:
            self._say("Nothing differs.")

    def do_install(
        self,
        uris: Sequence[str],
        database: str,
        lock_timeout: int | None,
        dry_run: bool,
        format: str,
        verbosity: int,
        **options: Any,
    ) -> None:
        if dry_run:
            plan = administration.plan(*uris, database=database)
            self._print_plan(plan, format)
            return
        installed = []

        def progress(done: int, total: int, uri: str) -> None:
            installed.append(uri)
            if verbosity and format == "text":
                self.stdout.write(f"{done}/{total} {uri}")

        administration.install(
            *uris, database=database, lock_timeout=lock_timeout, progress=progress
        )
        count = len(administration.entries(*uris, database=database))
        if format == "json":
            self._print_json({"installed": installed, "as_declared": count})
        elif verbosity:
            self._say(f"Installed as declared: {count}")

    def _print_plan(self, plan: Iterable[tuple[str, Sequence[str]]], format: str) -> None:
        planned = list(plan)
        if format == "json":
            self._print_json([{"uri": uri, "statements": list(sql)} for uri, sql in planned])
            return
        for uri, statements in planned or [("Nothing to install.", [])]:
            self.stdout.write(f"-- {uri}")
            for statement in statements:
                self.stdout.write(statement)

    def do_uninstall(
        self,
        uris: Sequence[str],
        database: str,
        lock_timeout: int | None,
        dry_run: bool,
        format: str,
        **options: Any,
    ) -> None:
        installed = _installed(uris, database)
        if not uris and settings.prune_on_install:
            installed += _undeclared(database)
        if not dry_run:
            administration.uninstall(*uris, database=database, lock_timeout=lock_timeout)
        self._say_dropped(installed, dry_run, format)

    def do_enable(self, uris: Sequence[str], database: str, format: str, **options: Any) -> None:
        administration.enable(*uris, database=database)
        self._say_switched("Enabled", _installed(uris, database), format)

    def do_disable(self, uris: Sequence[str], database: str, format: str, **options: Any) -> None:
        administration.disable(*uris, database=database)
        self._say_switched("Disabled for everybody", _installed(uris, database), format)

    def _say(self, text: str) -> None:
        self.stdout.write(self.style.SUCCESS(text))

    def _print_json(self, values: Any) -> None:
        self.stdout.write(json.dumps(values, indent=2, cls=DjangoJSONEncoder))

    def _say_switched(self, verb: str, uris: Sequence[str], format: str) -> None:
        if format == "json":
            self._print_json({verb.partition(" ")[0].lower(): uris})
        else:
            self._say(f"{verb}: {len(uris)}")

    def _say_dropped(self, names: Sequence[str], dry_run: bool, format: str) -> None:
        if format == "json":
            self._print_json({"dry_run": dry_run, "dropped": names})
            return
        for name in names:
            self.stdout.write(f"{'would drop' if dry_run else 'dropped'} {name}")
        self._say(f"{'Would be dropped' if dry_run else 'Dropped'}: {len(names)}")

    def do_roles(
        self,
        database: str,
        format: str,
        apply: bool,
        app: str | None,
        owner: str | None,
        read_only: str | None,
        **options: Any,
    ) -> None:
        configured = settings.roles
        names = {"app": app, "owner": owner, "read_only": read_only}
        chosen = {key: value or configured.get(key) for key, value in names.items()}
        if not chosen["app"]:
            raise CommandError(
                "Name the role of the application with --app, or in settings.PGTRIGGER_ROLES."
            )
        roles = privileges.Roles(
            app=chosen["app"], owner=chosen["owner"], read_only=chosen["read_only"]
        )
        run = privileges.apply if apply else privileges.plan
        statements = run(roles, database)
        connection = connections[database]
        warnings = capturing.written_as_caller(connection, objects.read(connection))
        if format == "json":
            found = {"statements": statements, "warnings": [str(each) for each in warnings]}
            self._print_json(found)
            return
        for statement in statements or ["-- The roles lack nothing."]:
            self.stdout.write(statement)
        for warning in warnings:
            self.stderr.write(self.style.WARNING(f"WARNING: {warning}"))

    def _check_role(self, role: str, database: str, format: str, all: bool) -> None:
        try:
            results = attempts.run(role, database)
        except attempts.CannotTry as error:
            raise CommandError(str(error.args[0]), returncode=2) from error
        shown = [each for each in results if each.found or all]
        if format == "json":
            self.stdout.write(json.dumps([dataclasses.asdict(each) for each in shown], indent=2))
        else:
            for each in shown:
                word = self.style.ERROR("FOUND") if each.found else self.style.SUCCESS("ok   ")
                self.stdout.write(f"{word}  {each.check}  {each.object}  {each.detail}")
            count = sum(each.found for each in results)
            self.stdout.write(f"{len(results)} attempts as {role}, {count} found")
        if any(each.found for each in results):
            sys.exit(1)

    def do_prune(self, database: str, dry_run: bool, format: str, **options: Any) -> None:
        names = _undeclared(database)
        if not dry_run:
            administration.prune(database)
        self._say_dropped(names, dry_run, format)

    def do_recount(
        self, uris: Sequence[str], database: str, check: bool, format: str, **options: Any
    ) -> None:
        compare = recounting.differences if check else recounting.repair
        state = "wrong" if check else "repaired"
        found = {
            rule.get_uri(model): compare(model, rule, database)
            for model, rule in recounting.aggregates(*uris)
        }
        if format == "json":
            self._print_json(
                [
                    {"uri": uri, state: [dataclasses.asdict(each) for each in differences]}
                    for uri, differences in found.items()
                ]
            )
        else:
            for uri, differences in found.items():
                self.stdout.write(f"{uri}: {len(differences)} {state}")
                for each in differences:
                    self.stdout.write(f"  {each.key}: {each.stored}, counted {each.counted}")
            if not found:
                self._say("No model has a Count or a Sum.")
        if check and any(found.values()):
            sys.exit(1)

    def do_lint(self, uris: Sequence[str], database: str, format: str, **options: Any) -> None:
        found = linting.lint(*uris, database=database)
        if format == "json":
            self.stdout.write(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
        else:
            for each in found:
                self.stdout.write(f"{each.id} {each.uri}\n  {each.reason}\n  {each.remedy}")
            if not found:
                self._say("Nothing found.")
        if found:
            sys.exit(1)

    def do_docs(
        self, apps: Sequence[str], format: str, output: str | None, check: bool, **options: Any
    ) -> None:
        if check and not output:
            raise CommandError("--check compares a file: add --output FILE.")
        render = documenting.markdown if format == "markdown" else documenting.mermaid
        text = render(apps)
        if output is None:
            self.stdout.write(text, ending="")
            return
        path = Path(output)
        if not check:
            path.write_text(text, encoding="utf-8")
            self._say(f"Wrote {output}")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            arguments = " ".join([*apps, "--format", format, "--output", output])
            self.stderr.write(f"{output} is out of date. Run: manage.py pgtrigger docs {arguments}")
            sys.exit(1)
        else:
            self._say(f"Up to date: {output}")

    def do_sql(self, uri: str, **options: Any) -> None:
        model, trigger = registry.find(uri)
        self.stdout.write(trigger.compile(model).install_sql)

    def _print_rows(self, rows: Iterable[dict[str, str]], format: str) -> None:
        rows = list(rows)
        if format == "json":
            self.stdout.write(json.dumps(rows, indent=2))
            return
        widths = {
            column: max((len(row[column]) for row in rows), default=0)
            for column in ("status", "enabled")
        }
        widths = {column: max(width, len(column)) for column, width in widths.items()}
        header = "  ".join(column.upper().ljust(width) for column, width in widths.items())
        self.stdout.write(f"{header}  TRIGGER")
        for row in rows:
            status = _STYLES.get(row["status"], "SUCCESS")
            enabled = "SUCCESS" if row["enabled"] == "ENABLED" else "WARNING"
            self.stdout.write(
                f"{getattr(self.style, status)(row['status'].ljust(widths['status']))}  "
                f"{getattr(self.style, enabled)(row['enabled'].ljust(widths['enabled']))}  "
                f"{row['uri']}"
            )


_STYLES = {
    catalog.OUTDATED: "WARNING",
    catalog.UNINSTALLED: "ERROR",
    catalog.PRUNE: "WARNING",
    catalog.UNALLOWED: "NOTICE",
}


def _installed(uris: Sequence[str], database: str) -> list[str]:
    """Return the URIs of the declared triggers that are in the database."""
    found = administration.entries(*uris, database=database)
    return [entry.uri for entry in found if entry.installed]


def _undeclared(database: str) -> list[str]:
    """Return the triggers that no model declares, as table:trigger."""
    return [f"{table}:{pgid}" for table, pgid, *_ in administration.prunable(database)]


def _rows(uris: Sequence[str], database: str) -> list[dict[str, str]]:
    """A row for each trigger, the undeclared ones last."""
    rows, undeclared = administration.survey(*uris, database=database)
    return [
        *(_row(entry.status, entry.state, entry.uri, database) for entry in rows),
        *(
            _row(catalog.PRUNE, found.state, f"{found.table}:{found.pgid}", database)
            for found in (() if uris else undeclared)
        ),
    ]


def _row(status: str, enabled: str, uri: str, database: str) -> dict[str, str]:
    return {"status": status, "enabled": enabled, "uri": uri, "database": database}


def _parent(add_arguments: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    add_arguments(parser)
    return parser


_ROLES = {
    "app": "the role of the application",
    "owner": "the role that migrates and owns all objects",
    "read-only": "a role that reads",
}


def _add_place(parser: argparse.ArgumentParser) -> None:
    arguments.add_database(parser)
    parser.add_argument(
        *("-s", "--schema"),
        action="append",
        help="a schema to look for tables in, instead of search_path; may be repeated",
    )


def _add_uris(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "uris", nargs="*", metavar="uri", help="app_label.ModelName:trigger_name; all by default"
    )


def _add_dry_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be dropped, and change nothing"
    )


def _add_lock_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lock-timeout",
        type=int,
        metavar="MS",
        help="wait for a table no longer than this, and try again, ten times in all, "
        "so that nobody queues up behind the installation",
    )
