"""Act as the owner of an event table, who alone may change events.

Rules (``append_only``) may refuse to change or delete events. The owner of a table can disable its
triggers, so only this role may run maintenance that does so.

https://www.postgresql.org/docs/current/sql-altertable.html
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.session import loading
from pgtrigger.sql.queries import query
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


class NotOwner(ValueError):
    """The connection is not that of the owner of an event table."""


@contextlib.contextmanager
def as_owner(model: Any, using: str) -> Iterator[None]:
    """Act as the owner of the model's table until the block ends, inside a transaction.

    Raises:
        NotOwner: The connection's role is neither the owner nor a member of it.
    """
    table = naming.table_identifier(model._meta.db_table).as_string()
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "owner"), {"table": table})
        owner, is_member, role, before = cursor.fetchone()
        if not is_member:
            raise NotOwner(
                f'The role "{role}" does not own the table of {model._meta.label}, so it cannot '
                f'remove or change events. Connect as "{owner}", which owns it.'
            )
        if role == owner:
            yield
            return
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(owner)))
        yield
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(before)))


@contextlib.contextmanager
def rules_set_aside(model: Any, using: str) -> Iterator[None]:
    """Let the owner change append-only events, until the block ends, inside a transaction.

    A rule that can be ignored is ignored. Another is disabled in the transaction: other writers of
    events wait for it, and a transaction that is interrupted leaves the rule enabled.
    """
    declared = [(model, each) for each in registry.of_model(model)]
    with loading.without(declared, using):
        yield
        if not all(each.ignorable for _, each in declared):
            # PostgreSQL does not alter a table that has checks waiting for the commit.
            with connections[using].cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
