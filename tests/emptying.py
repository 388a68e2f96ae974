"""Empty the tables after a test whose transactions were real.

Django's ``flush`` truncates every table and writes all content types and permissions again, which
takes longer than most tests. Here only the tables that a test wrote are emptied.
"""

import functools
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection
from django.db.models.signals import post_migrate
from django.test import TransactionTestCase
from psycopg import sql

from pgtrigger import naming

ALIAS = "default"


def truncate_what_was_written() -> None:
    """Let test cases with real transactions empty few tables, from now until the process ends."""
    if connection.vendor != "postgresql" or not _is_superuser():
        return
    teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = _emptying(  # type: ignore[attr-defined]
        teardown, Tables()
    )


class Tables:
    """The tables of the default database, and the rows that ``migrate`` wrote."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            self.written_by_migrate = {
                table: _rows(cursor, table) for table in _with_rows(cursor, _names())
            }

    def restore(self) -> None:
        """Empty the tables, but for the rows that ``migrate`` wrote."""
        with connection.cursor() as cursor:
            # Rules and foreign keys are triggers, which do not fire for a replica.
            cursor.execute("SET session_replication_role = replica")
            written = _with_rows(cursor, _names() - self.written_by_migrate.keys())
            if written:
                names = sql.SQL(", ").join(map(naming.table_identifier, sorted(written)))
                cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
            for table, rows in self.written_by_migrate.items():
                if _rows(cursor, table) != rows:
                    _replace(cursor, table, rows)
            cursor.execute("RESET session_replication_role")


def _emptying(teardown: Callable[[Any], None], tables: Tables) -> Callable[[Any], None]:
    @functools.wraps(teardown)
    def restore_tables(case: Any) -> None:
        if case.available_apps is not None or case._databases_names(False) != [ALIAS]:
            teardown(case)
            return
        tables.restore()
        # Triggers and views that the test changed are installed again.
        for config in map(apps.get_app_config, ("pgtrigger", "pghistory")):
            options = {"app_config": config, "verbosity": 0, "interactive": False}
            post_migrate.send(sender=config, using=ALIAS, **options)

    return restore_tables


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW is_superuser")
        return bool(cursor.fetchone()[0] == "on")


def _names() -> set[str]:
    return {*connection.introspection.django_table_names(only_existing=True, include_views=False)}


def _with_rows(cursor: Any, tables: set[str]) -> set[str]:
    has_rows = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    queries = [
        has_rows.format(sql.Literal(table), naming.table_identifier(table)) for table in tables
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(queries))
    return {table for (table,) in cursor.fetchall()}


def _rows(cursor: Any, table: str) -> bytes:
    with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(naming.table_identifier(table))) as copy:
        return b"".join(copy)


def _replace(cursor: Any, table: str, rows: bytes) -> None:
    name = naming.table_identifier(table)
    cursor.execute(sql.SQL("DELETE FROM {}").format(name))
    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
        copy.write(rows)
    # The test may have called flush, which starts sequences again.
    models = [model for model in apps.get_models() if model._meta.db_table == table]
    for statement in connection.ops.sequence_reset_sql(no_style(), models):
        cursor.execute(statement)
