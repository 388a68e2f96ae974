"""Rules on TRUNCATE of a partitioned table, copied to each of its partitions.

PostgreSQL clones the row-level triggers of a partitioned table into its partitions, but not the
statement-level ones: TRUNCATE of one partition fires that partition's triggers only. A copy has the
name and the function of the table's own trigger, and it is changed and dropped with that.

https://www.postgresql.org/docs/current/sql-createtrigger.html
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql.queries import query


def copy_truncate_triggers(connection: Any, table: str) -> int:
    """Give each partition the triggers on TRUNCATE that it lacks, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(query(__package__, "missing_copies"), [_name(table), naming.PREFIX])
        missing = cursor.fetchall()
        for pgid, is_before, state, function_schema, function, schema, name in missing:
            target = sql.Identifier(schema, name)
            cursor.execute(
                sql.SQL(
                    "CREATE TRIGGER {} {} TRUNCATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION {}()"
                ).format(
                    sql.Identifier(pgid),
                    sql.SQL("BEFORE" if is_before else "AFTER"),
                    target,
                    sql.Identifier(function_schema, function),
                )
            )
            if state == "D":
                cursor.execute(
                    sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(
                        target, sql.Identifier(pgid)
                    )
                )
    return len(missing)


def with_copy(cursor: Any, table: str, pgid: str) -> list[sql.Identifier]:
    """Return the partitions that have a copy of the table's trigger; empty for a plain table."""
    cursor.execute(query(__package__, "trigger_copies"), [_name(table), pgid])
    return [sql.Identifier(*found) for found in cursor.fetchall()]


def _name(table: str) -> str:
    return naming.table_identifier(table).as_string()
