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

_COPIES = """
    SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text
    FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%s)) part
    JOIN pg_catalog.pg_trigger t ON t.tgrelid = part.relid AND t.tgname = %s AND t.tgparentid = 0
    JOIN pg_catalog.pg_class c ON c.oid = part.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE part.level > 0
    ORDER BY 1, 2
"""

# pg_trigger.tgtype has a bit for each clause: 1 ROW, 2 BEFORE, 32 TRUNCATE.
_MISSING = """
    SELECT t.tgname::pg_catalog.text, t.tgtype & 2 > 0, t.tgenabled::pg_catalog.text,
        fn.nspname::pg_catalog.text, f.proname::pg_catalog.text,
        n.nspname::pg_catalog.text, c.relname::pg_catalog.text
    FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_proc f ON f.oid = t.tgfoid
    JOIN pg_catalog.pg_namespace fn ON fn.oid = f.pronamespace
    CROSS JOIN LATERAL pg_catalog.pg_partition_tree(t.tgrelid) part
    JOIN pg_catalog.pg_class c ON c.oid = part.relid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE t.tgrelid = pg_catalog.to_regclass(%s) AND t.tgtype & 33 = 32 AND t.tgqual IS NULL
        AND pg_catalog.starts_with(t.tgname::pg_catalog.text, %s) AND part.level > 0
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger k WHERE k.tgrelid = part.relid AND k.tgname = t.tgname
        )
    ORDER BY 7, 1
"""


def copy_truncate_triggers(connection: Any, table: str) -> int:
    """Give each partition the triggers on TRUNCATE that it lacks, and return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, [_name(table), naming.PREFIX])
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
    """The partitions of the table that have a copy of its trigger; none of a plain table."""
    cursor.execute(_COPIES, [_name(table), pgid])
    return [sql.Identifier(*found) for found in cursor.fetchall()]


def _name(table: str) -> str:
    return naming.as_text(naming.table_identifier(table))
