"""``_pgh_attach_context()``, the function that triggers of the PyPI package call.

No trigger of this project calls it. A migration creates it for two reasons: old migrations that
contain such triggers must run, and in a database that comes from the PyPI package, the old triggers
must write events until they are replaced.

If another transaction is writing the same context, the function does not wait for it: see
Note [One context row] of ``pghistory.writing.capture``.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from psycopg import sql

from pghistory.config import settings
from pghistory.vocabulary.constants import CONTEXT_ID
from pghistory.writing import capture
from pgtrigger.database import catalog
from pgtrigger.sql import function_body

# See Note [Names in functions] of ``pgtrigger.sql.function_body``.
_CREATE = sql.SQL(
    """\
CREATE OR REPLACE FUNCTION {function}() RETURNS pg_catalog.uuid
LANGUAGE plpgsql SET search_path TO pg_catalog, pg_temp AS {body}"""
)

_BODY = sql.SQL(
    """\
DECLARE
    context_id pg_catalog.uuid := {context_id};
BEGIN
    IF context_id IS NOT NULL THEN
        context_id := ({claim})::pg_catalog.uuid;
        {insert};
    END IF;
    RETURN context_id;
END"""
)


def install(connection: Any) -> None:
    """Create or replace the function."""
    if connection.vendor != "postgresql":
        return
    found = catalog.tables(connection, [capture.CONTEXT_TABLE]).get(capture.CONTEXT_TABLE)
    schema = (found.schema,) if found else ()
    insert = capture.insert_context(
        sql.Identifier(*schema, capture.CONTEXT_TABLE), sql.SQL("context_id"), capture.METADATA
    )
    body = _BODY.format(
        context_id=capture.optional_setting(CONTEXT_ID, "uuid"),
        claim=capture.CLAIM_CONTEXT,
        insert=sql.SQL(str(insert)),
    )
    create = _CREATE.format(
        function=sql.Identifier(*schema, "_pgh_attach_context"),
        body=sql.SQL(function_body.dollar_quote(body.as_string())),
    )
    with connection.cursor() as cursor:
        cursor.execute(create.as_string())


def install_in_migration(apps: Any, schema_editor: Any) -> None:
    install(schema_editor.connection)


def remove_in_migration(apps: Any, schema_editor: Any) -> None:
    """Drop the function. Migration 0001 does this when it is reversed."""
    connection = schema_editor.connection
    if connection.vendor != "postgresql":
        return
    found = catalog.tables(connection, [capture.CONTEXT_TABLE]).get(capture.CONTEXT_TABLE)
    schema = (found.schema,) if found else ()
    function = sql.Identifier(*schema, "_pgh_attach_context")
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP FUNCTION IF EXISTS {}()").format(function))


def install_on_migrate(using: str, **kwargs: Any) -> None:
    """Install the function after ``migrate`` if PGHISTORY_INSTALL_CONTEXT_FUNC_ON_MIGRATE is on."""
    if settings.install_context_func_on_migrate:
        install(connections[using])
