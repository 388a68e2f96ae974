"""Checks of the isolation level in a function.

https://www.postgresql.org/docs/current/transaction-iso.html
"""

from __future__ import annotations

from psycopg import sql

# True at REPEATABLE READ or above: the transaction does not see what others commit after its first
# query.
KEEPS_SNAPSHOT = (
    "pg_catalog.current_setting('transaction_isolation')\n"
    "    OPERATOR(pg_catalog.=) ANY (ARRAY['repeatable read', 'serializable'])"
)


def refuse_old_snapshot(table: str, message: str, hint: str) -> sql.Composable:
    """Return statements that raise if the transaction may not see rows that others committed."""
    return _REFUSE.format(
        keeps_snapshot=sql.SQL(KEEPS_SNAPSHOT),
        message=sql.Literal(message),
        hint=sql.Literal(hint),
        table=sql.Literal(table),
    )


_REFUSE = sql.SQL(
    """\
IF {keeps_snapshot}
THEN
    RAISE EXCEPTION USING
        ERRCODE = '0A000',
        MESSAGE = {message},
        HINT = {hint},
        SCHEMA = TG_TABLE_SCHEMA,
        TABLE = {table};
END IF;
"""
)
