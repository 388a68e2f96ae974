"""Move what belongs to a table, except its columns, to another table.

To convert an event table, a new, partitioned table gets its name. Indexes, foreign keys in both
directions, triggers, privileges and the comment follow.

https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-CATALOG
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog, installation
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from pgtrigger.database.catalog import InstalledTrigger

_COMMENT = (
    "SELECT pg_catalog.obj_description(pg_catalog.to_regclass(%s)::pg_catalog.oid, 'pg_class')"
)

Grants = list[tuple[str, str, bool]]


@dataclass(frozen=True)
class Surroundings:
    """The indexes, keys and other belongings of a table, with PostgreSQL's definitions."""

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
                indexes=rows(query(__package__, "indexes")),
                primary_key=rows(query(__package__, "constraints"), "p"),
                foreign_keys=rows(query(__package__, "constraints"), "f"),
                referring=rows(query(__package__, "foreign_keys_to")),
                triggers=catalog.on_table(connection, table),
                other_triggers=rows(query(__package__, "other_triggers"), naming.PREFIX),
                grants=rows(query(__package__, "grants")),
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
        """Grant the privileges, and those on the sequence to each role that may insert."""
        table = naming.table_identifier(self.table)
        with connections[using].cursor() as cursor:
            cursor.execute(query(__package__, "grants"), [_text(self.table)])
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
        cursor.execute(query(__package__, "invalid_foreign_keys"), [_text(table)])
        for schema, name, constraint in cursor.fetchall():
            cursor.execute(
                sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                    sql.Identifier(schema, name), sql.Identifier(constraint)
                )
            )


def _role(name: str) -> sql.Composable:
    return sql.Identifier(name) if name else sql.SQL("PUBLIC")


def _text(table: str) -> str:
    return naming.table_identifier(table).as_string()
