"""Random writes of notes, whose keys may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from life.model.tables import COLUMNS
from life.model.written import (
    RandomWrites,
    Write,
    execute,
    flat,
    typed,
)

if TYPE_CHECKING:
    from life.model.expected import Expected, Transaction


class NoteWrites(RandomWrites):
    """Writes of notes."""

    def insert_notes(self, state: Expected) -> Write:
        rows = [self.note() for _ in range(self.chance.randrange(1, 5))]
        way = self.chance.choice(["bulk_create", "sql", "copy"])
        return Write(
            f"insert notes {way} {rows}",
            lambda expected, now: expected.insert_notes(now, rows),
            lambda: self._insert(self.tables.note, rows, way),
        )

    def update_notes(self, state: Expected) -> Write:
        keys, number = self.some(state.notes), self.number()
        statement = sql.SQL("UPDATE {} SET number = %s WHERE id = ANY (%s)").format(
            sql.Identifier(self.tables.note._meta.db_table)
        )
        return Write(
            f"update notes {keys} {number}",
            lambda expected, now: expected.update_notes(now, keys, lambda row: {"number": number}),
            lambda: execute(statement, [number, keys]),
        )

    def turn_keys(self, state: Expected) -> Write:
        """Change keys: each to its opposite, which no other row has."""
        keys = [key for key in self.some(state.notes) if -key not in state.notes]
        statement = sql.SQL(
            "UPDATE {} SET id = -id, number = number + 1 WHERE id = ANY (%s)"
        ).format(sql.Identifier(self.tables.note._meta.db_table))
        return Write(
            f"turn keys {keys}",
            lambda expected, now: expected.update_notes(
                now, keys, lambda row: {"id": -row["id"], "number": row["number"] + 1}
            ),
            lambda: execute(statement, [keys]),
        )

    def delete_notes(self, state: Expected) -> Write:
        keys = self.some(state.notes)
        return Write(
            f"delete notes {keys}",
            lambda expected, now: expected.delete_notes(now, keys),
            lambda: self.tables.note.objects.filter(pk__in=keys).delete(),
        )

    def write_notes_twice(self, state: Expected) -> Write:
        """Delete some rows, change others and insert one, in one statement."""
        gone = self.some(state.notes)
        stay = [key for key in state.notes if key not in gone]
        row = self.note()
        statement = sql.SQL(
            "WITH gone AS (DELETE FROM {0} WHERE id = ANY (%s)),"
            " made AS (INSERT INTO {0} (id, number, text) VALUES (%s, %s, %s))"
            " UPDATE {0} SET number = number + 1 WHERE id = ANY (%s)"
        ).format(sql.Identifier(self.tables.note._meta.db_table))

        def expected(expected: Expected, now: Transaction) -> None:
            expected.delete_notes(now, gone)
            expected.insert_notes(now, [row])
            expected.update_notes(now, stay, lambda old: {"number": old["number"] + 1})

        return Write(
            f"delete notes {gone}, insert {row}, add one to {stay}",
            expected,
            lambda: execute(statement, [gone, *row.values(), stay]),
        )

    def merge_notes(self, state: Expected) -> Write:
        """Delete rows with a negative number, update the others, insert what is not there."""
        rows = [self.note(key) for key in self.some(state.notes)] + [self.note()]
        statement = sql.SQL(
            "MERGE INTO {table} AS t USING ({rows}) AS s ON t.id = s.id"
            " WHEN MATCHED AND s.number < 0 THEN DELETE"
            " WHEN MATCHED THEN UPDATE SET number = s.number, text = s.text"
            " WHEN NOT MATCHED THEN INSERT (id, number, text) VALUES (s.id, s.number, s.text)"
        ).format(
            table=sql.Identifier(self.tables.note._meta.db_table),
            rows=typed(self.tables.note, COLUMNS["note"], rows),
        )

        def expected(expected: Expected, now: Transaction) -> None:
            there = {row["id"]: row for row in rows if row["id"] in expected.notes}
            gone = [key for key, row in there.items() if row["number"] < 0]
            expected.delete_notes(now, gone)
            kept = [key for key in there if key not in gone]
            expected.update_notes(now, kept, lambda old: there[old["id"]])
            expected.insert_notes(now, [row for row in rows if row["id"] not in there])

        return Write(f"merge notes {rows}", expected, lambda: execute(statement, flat(rows)))

    def truncate_notes(self, state: Expected) -> Write:
        table = sql.Identifier(self.tables.note._meta.db_table)
        return Write(
            "truncate notes",
            lambda expected, now: expected.truncate_notes(now),
            lambda: execute(sql.SQL("TRUNCATE {}").format(table)),
        )
