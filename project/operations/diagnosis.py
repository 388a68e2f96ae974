"""
Find what is wrong with this setup: with its settings, its database and its services.

Each finding has a subject, what was found, and what to do. ``manage.py doctor`` prints them.
"""

import os
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import Error, connections

from pghistory.keeping import statistics
from pgtrigger import administration
from project import health
from project.database import replica


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    subject: str
    found: str
    remedy: str


def configured(database: str) -> dict[str, str]:
    """Return what the environment has configured. Secrets are not part of it."""
    entry = settings.DATABASES[database]
    return {
        "mode": "development (DEBUG is on)" if settings.DEBUG else "production (DEBUG is off)",
        "database": _address(entry),
        "direct address": _address(entry | entry["DIRECT"]) if "DIRECT" in entry else "the same",
        "replica": _address(settings.DATABASES.get(replica.ALIAS)) or "none",
        "pool": str(entry["OPTIONS"].get("pool", {}).get("max_size", "none")),
        "mail": settings.MAILER["OPTIONS"]["host"] if _sends_mail() else "printed, not sent",
        "error reports": "on" if os.environ.get("SENTRY_DSN") else "off",
        "uploaded files": _storage(settings.STORAGES["default"]),
        "hosts": ", ".join(settings.ALLOWED_HOSTS) or "none",
    }


def running(database: str) -> dict[str, str]:
    """Return what the database server says about itself. Raise django.db.Error if it is down."""
    with connections[database].cursor() as cursor:
        cursor.execute(_SERVER)
        names = [column.name for column in cursor.description or []]
        server = dict(zip(names, map(str, cursor.fetchone() or ()), strict=True))
    entries, _ = administration.survey(database=database)
    installed = sum(entry.status == "INSTALLED" for entry in entries)
    return server | {"triggers": f"{installed} of {len(entries)} installed"}


def findings(database: str) -> Iterator[Finding]:
    """Yield everything that is wrong, the causes before what follows from them."""
    yield from _files()
    if _sends_mail():
        yield from _mail()
    if health.unreachable(database):
        yield _unreachable(database)
        yield from _checks(databases=None)
        return
    yield from _database(database)
    yield from _history(database)
    yield from _replica()
    yield from _checks(databases=[database])


_SERVER = """
SELECT current_setting('server_version') AS "PostgreSQL",
       current_user AS role,
       count(*) || ' of ' || current_setting('max_connections') AS connections,
       pg_size_pretty(pg_database_size(current_database())) AS size
FROM pg_stat_activity"""

_ROLE = """
SELECT rolsuper,
       EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relname = %s)
FROM pg_roles WHERE rolname = current_user"""

_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def _address(entry: dict[str, Any] | None) -> str:
    if not entry:
        return ""
    if "EMBEDDED" in entry:
        return f"embedded, in {entry['EMBEDDED']}"
    return f"{entry['NAME']} at {entry['HOST'] or 'the local socket'}:{entry['PORT'] or 5432}"


def _sends_mail() -> bool:
    return bool(settings.MAILER["BACKEND"].endswith("smtp.EmailBackend"))


def _storage(entry: dict[str, Any]) -> str:
    options = entry.get("OPTIONS", {})
    return str(options.get("location") or options.get("bucket_name"))


def _unreachable(database: str) -> Finding:
    try:
        connections[database].ensure_connection()
    except Error as error:
        found, _, remedy = str(error).partition(": ")
        return Finding("database", found, remedy.rstrip("."))
    return Finding("database", "it did not answer a query", "run this command again")


def _files() -> Iterator[Finding]:
    static = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not settings.DEBUG and not static.exists():
        yield Finding(
            "static files", f"{static} does not exist", "run `manage.py collectstatic --noinput`"
        )
    location = settings.STORAGES["default"].get("OPTIONS", {}).get("location")
    if location and Path(location).exists() and not os.access(location, os.W_OK):
        yield Finding(
            "uploaded files",
            f"{location} cannot be written by this user",
            "change its owner, or set MEDIA_STORAGE to another folder",
        )


def _mail() -> Iterator[Finding]:
    options = settings.MAILER["OPTIONS"]
    host, port = options["host"], options["port"]
    client = smtplib.SMTP_SSL if options["use_ssl"] else smtplib.SMTP
    try:
        client(host, port, timeout=5).close()
    except OSError as error:
        yield Finding("mail", f"{host}:{port} does not answer ({error})", "correct EMAIL_URL")


def _database(database: str) -> Iterator[Finding]:
    for problem in health.not_installed(database):
        yield Finding("database", problem.rstrip("."), "run `manage.py migrate`")
    entries, _ = administration.survey(database=database)
    disabled = [entry.uri for entry in entries if entry.state == "DISABLED"]
    if disabled:
        yield Finding(
            "triggers",
            f"disabled: {', '.join(disabled)}",
            f"run `manage.py pgtrigger enable {' '.join(disabled)}`",
        )
    if not settings.DEBUG:
        yield from _role(database)
        yield from _timeouts(database)


def _history(database: str) -> Iterator[Finding]:
    """Yield event tables whose partitions are used up, or soon will be."""
    for each in statistics.collect(using=database):
        if each.default_rows:
            found = f"{each.event_model} has {each.default_rows} events in its default partition"
        elif each.partitions_left == 0:
            found = f"{each.event_model} has no empty partition left"
        else:
            continue
        yield Finding(
            "history", found, "run `manage.py pghistory partition`, and let it run every night"
        )


def _role(database: str) -> Iterator[Finding]:
    with connections[database].cursor() as cursor:
        cursor.execute(_ROLE, ["django_migrations"])
        superuser, owner = cursor.fetchone() or (False, False)
    if superuser or owner:
        found = "is a superuser" if superuser else "owns the tables"
        yield Finding(
            "role",
            f"the application's role {found}, so that it can disable every rule",
            "connect as a role that has only SELECT, INSERT, UPDATE and DELETE",
        )


def _timeouts(database: str) -> Iterator[Finding]:
    with connections[database].cursor() as cursor:
        for name in _TIMEOUTS:
            cursor.execute("SELECT current_setting(%s)", [name])
            if cursor.fetchone() == ("0",):
                yield Finding(
                    "timeouts", f"{name} is off", "set it in the environment or for the role"
                )


def _replica() -> Iterator[Finding]:
    if replica.ALIAS not in settings.DATABASES:
        return
    try:
        with connections[replica.ALIAS].cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery()")
            in_recovery = cursor.fetchone() == (True,)
    except Error as error:
        yield Finding("replica", str(error).partition(": ")[0], "start it, or unset the variable")
        return
    if not in_recovery:
        yield Finding(
            "replica",
            "REPLICA_DATABASE_URL is the address of a primary",
            "set it to a streaming replica of DATABASE_URL",
        )


def _checks(databases: list[str] | None) -> Iterator[Finding]:
    """Yield Django's system checks, with those for a deployment if DEBUG is off."""
    deployment = not settings.DEBUG
    for message in checks.run_checks(include_deployment_checks=deployment, databases=databases):
        # Triggers that are not installed are found above, with the migrations.
        if message.level >= checks.WARNING and message.id != "pgtrigger.W001":
            yield Finding(
                str(message.id), message.msg.rstrip("."), (message.hint or "").rstrip(".")
            )
