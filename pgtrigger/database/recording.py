"""The tables in which rules in report mode record what they would have refused.

Note [Records without waiting]. A rule in report mode lets a write pass, so it must not make the
write wait for another one either. Two things in PostgreSQL never wait: a sequence, which is not
part of a transaction, and a row that only one session writes.

- Each reporting rule has a sequence. Its value is the hour and a number within the hour, so that
  the first numbers of an hour become records and all others are only counted. The first write of an
  hour sets it to that hour, under an advisory lock that is tried and never waited for. A number
  that is taken in a transaction which is rolled back is lost: there are fewer records, never more.
- Violations that are only counted are added up in a transaction variable, which a rollback to a
  savepoint restores. A deferred trigger adds the sum once, at the end of the transaction, to the
  row of this rule, hour and session. PostgreSQL numbers sessions from a small range, and one
  session has one transaction at a time. A prepared transaction is the exception: it keeps its row
  locked.
- Any role can set the variable, and then its counter is wrong. So nothing else depends on the
  variable: the number in the sequence alone decides whether a record is written, and the session's
  number is read from pg_locks. A counter is limited to 64 bits, because otherwise the next
  transaction of another session with this number would fail.

Nothing here reads a table, so transactions at SERIALIZABLE do not depend on each other either.

https://www.postgresql.org/docs/current/functions-sequence.html
https://www.postgresql.org/docs/current/transaction-iso.html#XACT-SERIALIZABLE
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog

# How many records one rule writes in one hour.
LIMIT = 1000

# The limit of a counter. What is added once to it has at most 18 digits, so it fits into 64 bits.
LARGEST = 8 * 10**18


def install(connection: Any) -> None:
    """Create the functions and triggers that fill in, limit and count records, or replace them."""
    if connection.vendor != "postgresql":
        return
    found = catalog.tables(connection, [naming.VIOLATIONS]).get(naming.VIOLATIONS)
    if found is None:
        return
    script = sql.SQL(_script()).format(
        schema=sql.Identifier(found.schema),
        limit=sql.Literal(LIMIT),
        largest=sql.Literal(LARGEST),
    )
    with connection.cursor() as cursor:
        cursor.execute(script.as_string())


def uninstall(connection: Any) -> None:
    """Drop the functions, and the triggers with them."""
    if connection.vendor != "postgresql":
        return
    found = catalog.tables(connection, [naming.VIOLATIONS]).get(naming.VIOLATIONS)
    if found is None:
        return
    with connection.cursor() as cursor:
        for name in ("pgtrigger_record_violation", "pgtrigger_add_to_count"):
            statement = sql.SQL("DROP FUNCTION IF EXISTS {}() CASCADE").format(
                sql.Identifier(found.schema, name)
            )
            cursor.execute(statement.as_string())


@cache
def _script() -> Any:
    return (resources.files("pgtrigger.sql") / "violations.sql").read_text(encoding="utf-8")
