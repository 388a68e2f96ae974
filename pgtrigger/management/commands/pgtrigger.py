"""``manage.py pgtrigger``: compare and change triggers. See ``pgtrigger.management.verbs``."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from psycopg.errors import LockNotAvailable

from pgtrigger.management import missing_privileges
from pgtrigger.management.verbs import (
    arguments,
    check,
    diff,
    disable,
    docs,
    enable,
    install,
    lint,
    ls,
    prune,
    recount,
    roles,
    sql,
    trying,
    uninstall,
    violations,
)
from pgtrigger.session import search_path

VERBS: dict[str, Any] = {
    "ls": ls,
    "check": check,
    "roles": roles,
    "diff": diff,
    "install": install,
    "uninstall": uninstall,
    "enable": enable,
    "disable": disable,
    "prune": prune,
    "recount": recount,
    "lint": lint,
    "docs": docs,
    "sql": sql,
    "try": trying,
    "violations": violations,
}
# The exit code of these for wrong arguments, because 1 means that they found something.
ERROR_CODES = {"try": 2, "violations": 2}

EPILOG = """\
A trigger's URI is app_label.ModelName:trigger_name; ls shows them all. Without URIs, a command is
about every declared trigger; install and uninstall then also drop triggers that no model declares.

  manage.py pgtrigger ls                      the declared triggers and their status
  manage.py pgtrigger check                   exit code 1 if the database differs from the models
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
         OUTDATED     its declaration has changed since, or somebody changed it in the database
         UNINSTALLED  declared, but not in the database
         PRUNE        in the database, but declared by no model (shown as table:trigger)
         UNALLOWED    the routers keep its model off this database
enabled  ENABLED, DISABLED, ALWAYS or REPLICA (see ALTER TABLE … TRIGGER); N/A: not there

exit code  0 it is done, or nothing differs
           1 something differs (check, lint, violations, --check), or the command failed
           2 the command line is wrong, or an attempt could not be made (check --as)
"""

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
        arguments.add_verbs(parser, VERBS)

    def handle(
        self, *args: Any, verb: str, schema: list[str] | None = None, **options: Any
    ) -> None:
        scope = search_path.schema(*schema) if schema else contextlib.nullcontext()
        try:
            with missing_privileges.as_command_error(), scope:
                VERBS[verb].handle(self, **options)
        except (LookupError, ValueError) as error:
            message = str(error.args[0] if error.args else error)
            raise CommandError(message, returncode=ERROR_CODES.get(verb, 1)) from error
        except OperationalError as error:
            if isinstance(error.__cause__, LockNotAvailable):
                raise CommandError(_LOCKED) from error
            raise
