"""``manage.py pgtrigger roles``: the privileges that the roles lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.db import connections

from pgtrigger.conf import settings
from pgtrigger.management.verbs import arguments, output
from pgtrigger.roles import capturing, objects, privileges

if TYPE_CHECKING:
    import argparse

    from django.core.management.base import BaseCommand

HELP = "Prints or grants the privileges that the roles lack."
EXAMPLES = arguments.epilog("roles --app shop_app --apply")
_ROLES = {
    "app": "the role of the application",
    "owner": "the role that migrates and owns all objects",
    "read-only": "a role that reads",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    arguments.add_database(parser)
    arguments.add_format(parser)
    for option, role in _ROLES.items():
        parser.add_argument(f"--{option}", metavar="ROLE", help=role)
    parser.add_argument("--apply", action="store_true", help="run the statements")


def handle(
    command: BaseCommand,
    *,
    database: str,
    format: str,
    apply: bool,
    app: str | None,
    owner: str | None,
    read_only: str | None,
    **others: Any,
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
        output.write_json(command, found)
        return
    for statement in statements or ["-- The roles lack nothing."]:
        command.stdout.write(statement)
    for warning in warnings:
        command.stderr.write(command.style.WARNING(f"WARNING: {warning}"))
