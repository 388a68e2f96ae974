"""What triggers that the PyPI package installed call: ``_pgh_attach_context()``.

No trigger of this project does. A migration makes the function, so that old migrations with such
triggers replay, and so that a database that is taken over goes on writing events until its triggers
are replaced.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

from pghistory import config

_CREATE = """\
CREATE OR REPLACE FUNCTION _pgh_attach_context() RETURNS uuid LANGUAGE plpgsql AS $pghistory$
DECLARE
    context_id uuid := NULLIF(current_setting('pghistory.context_id', true), '')::uuid;
BEGIN
    IF context_id IS NOT NULL THEN
        INSERT INTO pghistory_context (id, created_at, updated_at, metadata)
        VALUES (
            context_id, now(), now(),
            COALESCE(NULLIF(current_setting('pghistory.context_metadata', true), ''), '{}')::jsonb
        )
        ON CONFLICT (id) DO UPDATE
            SET metadata = EXCLUDED.metadata, updated_at = EXCLUDED.updated_at;
    END IF;
    RETURN context_id;
END
$pghistory$
"""


def install(connection: Any) -> None:
    """Creates the function, or replaces it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)


def install_in_migration(apps: Any, schema_editor: Any) -> None:
    install(schema_editor.connection)


def install_on_migrate(using: str, **kwargs: Any) -> None:
    """After each ``migrate`` where PGHISTORY_INSTALL_CONTEXT_FUNC_ON_MIGRATE asks for it."""
    if config.install_context_func_on_migrate():
        install(connections[using])
