"""What belongs to a table besides its columns, taken from one table and given to another.

An event table is converted by giving its name to a new, partitioned table. Indexes, foreign keys in
both directions, triggers, privileges and the comment follow.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog, installation

if TYPE_CHECKING:
    from pgtrigger.database.catalog import InstalledTrigger

# Indexes that belong to no constraint but the primary key's.
_INDEXES = """
    SELECT i.relname::pg_catalog.text, pg_catalog.pg_get_indexdef(x.indexrelid)
    FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = pg_catalog.to_regclass(%s) AND NOT x.indisprimary
    ORDER BY 1
"""
_CONSTRAINTS = """
    SELECT conname::pg_catalog.text, pg_catalog.pg_get_constraintdef(oid)
    FROM pg_catalog.pg_constraint
    WHERE conrelid = pg_catalog.to_regclass(%s) AND contype = %s AND conparentid = 0 ORDER BY 1
"""
_REFERRING = """
    SELECT n.nspname::pg_catalog.text, r.relname::pg_catalog.text, c.conname::pg_catalog.text,
        pg_catalog.pg_get_constraintdef(c.oid), r.relkind = 'r'
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND c.confrelid = pg_catalog.to_regclass(%s) AND c.conparentid = 0
        AND c.conrelid <> c.confrelid
    ORDER BY 1, 2, 3
"""
_INVALID = """
    SELECT n.nspname::pg_catalog.text, r.relname::pg_catalog.text, c.conname::pg_catalog.text
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE c.contype = 'f' AND c.confrelid = pg_catalog.to_regclass(%s) AND NOT c.convalidated
        AND c.conparentid = 0
    ORDER BY 1, 2, 3
"""
_OTHER_TRIGGERS = """
    SELECT tgname::pg_catalog.text, pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger
    WHERE tgrelid = pg_catalog.to_regclass(%s) AND NOT tgisinternal AND tgparentid = 0
        AND NOT pg_catalog.starts_with(tgname::pg_catalog.text, %s)
    ORDER BY 1
"""
_GRANTS = """
    SELECT COALESCE(r.rolname::pg_catalog.text, ''), g.privilege_type, g.is_grantable
    FROM pg_catalog.pg_class c
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) g
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
    WHERE c.oid = pg_catalog.to_regclass(%s) AND g.grantee <> c.relowner
    ORDER BY 1, 2
"""
_COMMENT = (
    "SELECT pg_catalog.obj_description(pg_catalog.to_regclass(%s)::pg_catalog.oid, 'pg_class')"
)

Grants = list[tuple[str, str, bool]]


@dataclass(frozen=True)
class Surroundings:
    """What belonged to a table: names with their definitions, as PostgreSQL writes them."""

    table: str
    indexes: list[tuple[str, str]]
    primary_key: list[tuple[str, str]]
    foreign_keys: list[tuple[str, str]]
    referring: list[tuple[str, str, str, str, bool]]
    triggers: list[InstalledTrigger]
    other_triggers: list[tuple[str, str]]
    grants: Grants
    comment: str | None

    @classmethod
    def of(cls, table: str, using: str) -> Surroundings:
        """Read what belongs to a table."""
        connection = connections[using]
        text = _text(table)
        with connection.cursor() as cursor:

            def rows(statement: str, *params: str) -> list[Any]:
                cursor.execute(statement, [text, *params])
                return list(cursor.fetchall())

            return cls(
                table=table,
                indexes=rows(_INDEXES),
                primary_key=rows(_CONSTRAINTS, "p"),
                foreign_keys=rows(_CONSTRAINTS, "f"),
                referring=rows(_REFERRING),
                triggers=catalog.on_table(connection, table),
                other_triggers=rows(_OTHER_TRIGGERS, naming.PREFIX),
                grants=rows(_GRANTS),
                comment=rows(_COMMENT)[0][0],
            )

    def take_off(self, using: str) -> None:
        """Drop the triggers of the table, and the foreign keys that point to it."""
        with connections[using].cursor() as cursor:
            for schema, name, constraint, _, _ in self.referring:
                cursor.execute(
                    sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                        sql.Identifier(schema, name), sql.Identifier(constraint)
                    )
                )
            for trigger in self.triggers:
                installation.drop_trigger(trigger, cursor)
            for trigger_name, _ in self.other_triggers:
                cursor.execute(
                    sql.SQL("DROP TRIGGER {} ON {}").format(
                        sql.Identifier(trigger_name), naming.table_identifier(self.table)
                    )
                )

    def put_constraints(self, using: str) -> None:
        """Give the table that has the name now its primary key, indexes and foreign keys."""
        with connections[using].cursor() as cursor:
            for constraint, definition in [*self.primary_key, *self.foreign_keys]:
                cursor.execute(
                    sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                        naming.table_identifier(self.table),
                        sql.Identifier(constraint),
                        sql.SQL(definition),
                    )
                )
            for _, definition in self.indexes:
                cursor.execute(definition)

    def put_rest(self, using: str) -> None:
        """Give it the triggers, privileges and comment, and the foreign keys that point to it.

        These are not validated: see ``validate()``.
        """
        connection = connections[using]
        for trigger in self.triggers:
            installation.put_back(trigger, connection)
        with connection.cursor() as cursor:
            for _, definition in self.other_triggers:
                cursor.execute(definition)
            for schema, name, constraint, definition, is_plain in self.referring:
                later = "" if "NOT VALID" in definition or not is_plain else " NOT VALID"
                cursor.execute(
                    sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}{}").format(
                        sql.Identifier(schema, name),
                        sql.Identifier(constraint),
                        sql.SQL(definition),
                        sql.SQL(later),
                    )
                )
            if self.comment is not None:
                cursor.execute(
                    sql.SQL("COMMENT ON TABLE {} IS {}").format(
                        naming.table_identifier(self.table), sql.Literal(self.comment)
                    )
                )
        self._grant(using)

    def _grant(self, using: str) -> None:
        """Give the privileges, and those on the sequence to whoever may insert."""
        table = naming.table_identifier(self.table)
        with connections[using].cursor() as cursor:
            cursor.execute(_GRANTS, [_text(self.table)])
            for role, privilege, _ in cursor.fetchall():
                cursor.execute(
                    sql.SQL("REVOKE {} ON {} FROM {}").format(
                        sql.SQL(privilege), table, _role(role)
                    )
                )
            cursor.execute(
                "SELECT pg_catalog.pg_get_serial_sequence(%s, 'pgh_id')", [_text(self.table)]
            )
            (sequence,) = cursor.fetchone()
            for role, privilege, is_grantable in self.grants:
                option = sql.SQL(" WITH GRANT OPTION" if is_grantable else "")
                cursor.execute(
                    sql.SQL("GRANT {} ON {} TO {}{}").format(
                        sql.SQL(privilege), table, _role(role), option
                    )
                )
                if sequence and privilege == "INSERT":
                    cursor.execute(
                        sql.SQL("GRANT USAGE ON SEQUENCE {} TO {}").format(
                            sql.SQL(sequence), _role(role)
                        )
                    )


def validate(table: str, using: str) -> None:
    """Validate the foreign keys that point to the table, without a lock that writers wait for."""
    with connections[using].cursor() as cursor:
        cursor.execute(_INVALID, [_text(table)])
        for schema, name, constraint in cursor.fetchall():
            cursor.execute(
                sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                    sql.Identifier(schema, name), sql.Identifier(constraint)
                )
            )


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("PUBLIC")


def _text(table: str) -> str:
    return naming.as_text(naming.table_identifier(table))
