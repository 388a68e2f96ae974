"""The schema of views that stand for the tables at a point in time.

Note [Views of the past]. ``pghistory_past`` has a view for each tracked table, with the same name
and columns, over its events; ``pghistory_past_untracked`` has a view that raises an error for each
other table. ``as_of()`` puts both schemas before the usual search_path and sets the time, for the
transaction.

- The views use NOT EXISTS (a later event), so that look-ups by key, joins and reverse accessors use
  the index, and cost the same in a table of any size.
- The second FROM item makes them read-only; the planner removes it.
- The columns have the exact types of the tables, so that prepared statements stay valid.
- The tables of schemas other than ``public`` have separate views.
- A view reads events as its owner, so that a role which may read a table can read its past. If the
  table or its events have row-level security, the view reads as the role itself: it must be
  able to read the events, and their policies apply.
- ``is_known()`` is evaluated once per query, and raises for a time before complete tracking. It is
  SECURITY DEFINER: a role may be able to read a table and not the records of maintenance.

``migrate`` creates the views again. While it runs they raise an error, so that nothing reads the
present rows instead.

https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.apps import apps
from django.db import connections, router, transaction
from psycopg import sql

from pghistory.past.schemas import PAST, Schemas
from pghistory.past.view_statements import Statements, raising


def install(using: str) -> None:
    """Create the views again if tables or declarations have changed."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _is_here(using):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        schemas = Schemas.here(cursor)
        statements = Statements(cursor, schemas, using).all()
        text = "\n".join(each.as_string() for each in statements)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if _installed(cursor, schemas) == digest:
            return
        cursor.execute(sql.SQL(text))
        comment = sql.SQL("COMMENT ON SCHEMA {} IS {}")
        cursor.execute(comment.format(sql.Identifier(schemas.past), sql.Literal(digest)))


def set_aside(using: str) -> None:
    """Make the views raise an error until ``install()``: migrations may change the tables."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _is_here(using):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        schemas = Schemas.here(cursor)
        if _installed(cursor, schemas) is None:
            return
        cursor.execute(
            "SELECT viewname FROM pg_catalog.pg_views WHERE schemaname = %s ORDER BY 1",
            [schemas.past],
        )
        for (name,) in cursor.fetchall():
            view = sql.Identifier(schemas.past, name)
            reason = "The views of the past are not there while migrations run."
            cursor.execute(sql.SQL("DROP VIEW {} CASCADE").format(view))
            cursor.execute(raising(view, [("migrating", "boolean", None)], reason, schemas))
        comment = sql.SQL("COMMENT ON SCHEMA {} IS NULL")
        cursor.execute(comment.format(sql.Identifier(schemas.past)))


def remove(using: str) -> None:
    """Drop the schemas of views, when the app is migrated to a state before them."""
    with connections[using].cursor() as cursor:
        schemas = Schemas.here(cursor)
        cursor.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {}, {} CASCADE").format(
                sql.Identifier(schemas.past), sql.Identifier(schemas.untracked)
            )
        )


def schemas(connection: Any) -> list[str]:
    """The schemas of views in a database, for the privileges of its roles."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE pg_catalog.starts_with("
            "nspname::text, %s) ORDER BY 1",
            [PAST],
        )
        return [name for (name,) in cursor.fetchall()]


def is_installed(using: str) -> bool:
    with connections[using].cursor() as cursor:
        return _installed(cursor, Schemas.here(cursor)) is not None


def _is_here(using: str) -> bool:
    return bool(router.allow_migrate_model(using, apps.get_model("pghistory.Maintenance")))


def _installed(cursor: Any, schemas: Schemas) -> str | None:
    """The digest of the installed views, None if there are none or they are set aside."""
    cursor.execute(
        "SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')"
        " FROM pg_catalog.pg_namespace n WHERE n.nspname = %s",
        [schemas.past],
    )
    found = cursor.fetchone()
    return found[0] if found else None
