"""
A lock that outlives transactions, and sets nothing for a session.

A connection pooler in transaction mode may give each transaction another session, so a lock of a
session would stay in one session and be released in another. This lock belongs to one transaction
that stays open on a separate connection.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from django.db import connections
from psycopg import sql

# The transaction waits for the lock, and then for the work, as long as these take. At READ
# COMMITTED it has no snapshot between its statements, so CREATE INDEX CONCURRENTLY does not wait
# for it.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
LIMITS = (
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",  # since PostgreSQL 17
)


@contextmanager
def held(using: str, key: int) -> Iterator[None]:
    """
    Hold the lock with this key in the ``with`` block. Wait for it as long as it takes.

    Args:
        using: The alias of the database, whose server has the lock. Inside ``direct()`` that is
            the server in DIRECT_DATABASE_URL.
        key: The lock: a number that is the same in every process that takes it.
    """
    connection = connections[using].copy()
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = {k: v for k, v in options.items() if k != "pool"}
    connection.connect()
    driver = connection.connection
    try:
        driver.execute(BEGIN)
        for name in LIMITS:
            if name != "transaction_timeout" or driver.info.server_version >= 170000:
                driver.execute(sql.SQL("SET LOCAL {} = 0").format(sql.Identifier(name)))
        driver.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", [key])
        yield
    finally:
        with suppress(psycopg.Error):  # such as a connection that is gone, and the lock with it
            driver.execute("ROLLBACK")
        connection.close()
