"""Each kind of write, as the model sees it and in the ways in which a program can send it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg import sql

from life.model.tables import COLUMNS, STATES, Tables

if TYPE_CHECKING:
    import random

    from life.model.expected import Expected, Row, Transaction

WORDS = ("ant", "bee", "cat", "dog")


@dataclass(frozen=True)
class Write:
    """A write: its description, its effect on the model, and the code that makes it."""

    text: str
    expected: Callable[[Expected, Transaction], None]
    run: Callable[[], object]


class Writes:
    """Random writes on the tables of one level."""

    def __init__(self, tables: Tables, chance: random.Random):
        self.tables, self.chance = tables, chance
        self.next_key = 1
        self.held: Any = None
        """An instance that was read some writes ago."""

    def any(self, state: Expected, *, in_transaction: bool, everything_ignored: bool) -> Write:
        """Return a write that can be sent in this state."""
        kinds = {
            self.insert_items: 5,
            self.update_items: 8,
            self.save_item: 4,
            self.hold_item: 2,
            self.save_held: 2,
            self.delete_items: 4,
            self.upsert_items: 4,
            self.merge_items: 3 if connection.pg_version >= 150000 else 0,
            self.truncate_items: 0 if in_transaction else 0.3,
            self.delete_team: 0 if everything_ignored else 2,
            self.restore_team: 2,
            self.insert_notes: 3,
            self.update_notes: 3,
            self.turn_keys: 1,
            self.delete_notes: 2,
            self.write_notes_twice: 1,
            self.merge_notes: 2 if connection.pg_version >= 150000 else 0,
            self.truncate_notes: 0.3,
        }
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        return kind(state)

    # Values

    def key(self) -> int:
        self.next_key += 1
        return self.next_key

    def words(self) -> str | None:
        number = self.chance.randrange(4)
        return " ".join(self.chance.choices(WORDS, k=number)) if number else None

    def number(self) -> int:
        return self.chance.choice([-1, 0, 1, 1, 2, 2, 3, 4, 5])

    def some(self, keys: Any) -> list[int]:
        keys = list(keys)
        return self.chance.sample(keys, self.chance.randrange(len(keys) + 1))

    def item(self, state: Expected, key: int | None = None) -> Row:
        key = key or self.key()
        return {
            "id": key,
            "code": key,
            "number": self.number(),
            "text": self.words(),
            "state": self.chance.choice(STATES),
            "is_active": self.chance.random() < 0.8,
            "team": self.chance.choice([None, *state.teams]),
            "version": 0,
            "vector": None,
        }

    def note(self, key: int | None = None) -> Row:
        return {"id": key or self.key(), "number": self.number(), "text": self.words()}

    # Items

    def insert_items(self, state: Expected) -> Write:
        rows = [self.item(state) for _ in range(self.chance.randrange(1, 5))]
        if state.items and self.chance.random() < 0.1:
            rows[0]["code"] = self.chance.choice(list(state.items.values()))["code"]
        way = self.chance.choice(["create", "bulk_create", "sql", "copy"])
        if way == "create":
            rows = rows[:1]
        return Write(
            f"insert {way} {rows}",
            lambda expected, now: expected.insert_items(now, rows),
            lambda: self._insert(self.tables.item, rows, way),
        )

    def _insert(self, model: Any, rows: list[Row], way: str) -> None:
        table, columns = model._meta.db_table, list(rows[0])
        names = [model._meta.get_field(name).column for name in columns]
        if way == "create":
            model.objects.create(**attributes(rows[0]))
        elif way == "bulk_create":
            model.objects.bulk_create([model(**attributes(row)) for row in rows])
        elif way == "sql":
            execute(insert(table, names, rows), flat(rows))
        else:
            copy = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
            )
            # Django leaves errors of COPY as the driver raises them.
            with (
                connection.wrap_database_errors,
                connection.cursor() as cursor,
                cursor.copy(copy) as stream,
            ):
                for row in rows:
                    stream.write_row(list(row.values()))

    def update_items(self, state: Expected) -> Write:
        keys = self.some(state.items)
        column = self.chance.choice(
            ["number", "number", "text", "state", "state", "is_active", "team", "code", "version"]
        )
        value: Any = {
            "number": self.number(),
            "text": self.words(),
            "state": self.chance.choice(STATES),
            "is_active": self.chance.random() < 0.7,
            "team": self.chance.choice([None, *state.teams]),
            "code": self.key(),
            "version": self.chance.randrange(3),
        }[column]
        if column == "code":
            keys = keys[:1]
        way = self.chance.choice(["update", "bulk_update", "sql"])
        model = self.tables.item
        attname = model._meta.get_field(column).attname

        def run() -> None:
            if way == "update":
                model.objects.filter(pk__in=keys).update(**{attname: value})
            elif way == "bulk_update":
                objects = [model(pk=key, **{attname: value}) for key in keys]
                model.objects.bulk_update(objects, [column])
            else:
                statement = sql.SQL("UPDATE {} SET {} = %s WHERE id = ANY (%s)").format(
                    sql.Identifier(model._meta.db_table), sql.Identifier(attname)
                )
                execute(statement, [value, keys])

        return Write(
            f"update {way} {keys} {column} = {value!r}",
            lambda expected, now: expected.update_items(now, keys, lambda row: {column: value}),
            run,
        )

    def save_item(self, state: Expected) -> Write:
        if not state.items:
            return self.insert_items(state)
        key, number, text = self.chance.choice(list(state.items)), self.number(), self.words()
        only = self.chance.random() < 0.5

        def run() -> None:
            obj = self.tables.item.objects.get(pk=key)
            obj.number, obj.text = number, text
            obj.save(update_fields=["number"] if only else None)

        values = {"number": number} if only else {"number": number, "text": text}
        return Write(
            f"save {key} {values}",
            lambda expected, now: expected.update_items(now, [key], lambda row: values),
            run,
        )

    def hold_item(self, state: Expected) -> Write:
        key = self.chance.choice([*state.items, 0])

        def run() -> None:
            self.held = self.tables.item.objects.filter(pk=key).first()

        return Write(f"hold {key}", lambda expected, now: None, run)

    def save_held(self, state: Expected) -> Write:
        """Save an instance that was read before other writes, with all that it holds."""
        if self.held is None:
            return self.hold_item(state)
        held, self.held, number = self.held, None, self.number()
        values = {name: getattr(held, attname(name)) for name in COLUMNS["item"]}
        values["number"] = number

        def expected(expected: Expected, now: Transaction) -> None:
            if values["id"] in expected.items:
                expected.update_items(now, [values["id"]], lambda row: values)
            else:
                expected.insert_items(now, [values])

        def run() -> None:
            held.number = number
            held.save()

        return Write(f"save held {values}", expected, run)

    def delete_items(self, state: Expected) -> Write:
        keys = self.some(state.items)
        way = self.chance.choice(["object", "queryset", "sql"])
        model = self.tables.item
        if way == "object":
            keys = keys[:1]

        def run() -> None:
            if way == "sql":
                delete = sql.SQL("DELETE FROM {} WHERE id = ANY (%s)")
                execute(delete.format(sql.Identifier(model._meta.db_table)), [keys])
            elif way == "queryset":
                model.objects.filter(pk__in=keys).delete()
            elif keys:
                model(pk=keys[0]).delete()

        return Write(
            f"delete {way} {keys}",
            lambda expected, now: expected.delete_items(now, keys),
            run,
        )

    def upsert_items(self, state: Expected) -> Write:
        rows = self._some_new(state)
        conflict = self.chance.choice(["update", "nothing"])
        way = self.chance.choice(["bulk_create", "sql"])
        model = self.tables.item

        def run() -> None:
            if way == "bulk_create":
                options: dict[str, Any] = {"ignore_conflicts": True}
                if conflict == "update":
                    options = {
                        "update_conflicts": True,
                        "unique_fields": ["id"],
                        "update_fields": ["number", "text"],
                    }
                model.objects.bulk_create([model(**attributes(row)) for row in rows], **options)
                return
            action = "DO NOTHING"
            if conflict == "update":
                action = "(id) DO UPDATE SET number = EXCLUDED.number, text = EXCLUDED.text"
            names = [model._meta.get_field(name).column for name in rows[0]]
            statement = insert(model._meta.db_table, names, rows) + sql.SQL(
                f" ON CONFLICT {action}"
            )
            execute(statement, flat(rows))

        return Write(
            f"upsert {conflict} {way} {rows}",
            lambda expected, now: expected.merge_items(now, rows, conflict=conflict),
            run,
        )

    def merge_items(self, state: Expected) -> Write:
        rows = self._some_new(state)
        model = self.tables.item
        names = [model._meta.get_field(name).column for name in rows[0]]
        statement = sql.SQL(
            "MERGE INTO {table} AS t USING ({insert}) AS s ON t.id = s.id "
            "WHEN MATCHED THEN UPDATE SET number = s.number, text = s.text "
            "WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
        ).format(
            table=sql.Identifier(model._meta.db_table),
            insert=typed(model, names, rows),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(sql.SQL("s.{}").format(sql.Identifier(n)) for n in names),
        )
        return Write(
            f"merge {rows}",
            lambda expected, now: expected.merge_items(now, rows, conflict="merge"),
            lambda: execute(statement, flat(rows)),
        )

    def _some_new(self, state: Expected) -> list[Row]:
        """Rows of which some are there already."""
        there = self.some(state.items)[:3]
        rows = [self.item(state, key) for key in there]
        for row in rows:
            row["code"] = state.items[row["id"]]["code"]
            row["is_active"] = False  # a new active row might be refused before the conflict
        rows += [self.item(state) for _ in range(self.chance.randrange(1, 3))]
        return rows

    def truncate_items(self, state: Expected) -> Write:
        table = sql.Identifier(self.tables.item._meta.db_table)
        return Write(
            "truncate items",
            lambda expected, now: expected.truncate_items(now),
            lambda: execute(sql.SQL("TRUNCATE {}").format(table)),
        )

    # Teams

    def delete_team(self, state: Expected) -> Write:
        key, cascade = self.chance.choice(list(state.teams)), self.chance.random() < 0.5
        model = self.tables.team
        delete = sql.SQL("DELETE FROM {} WHERE id = %s")

        def run() -> None:
            if cascade:
                model.objects.get(pk=key).delete()
            else:
                execute(delete.format(sql.Identifier(model._meta.db_table)), [key])

        return Write(
            f"delete team {key} cascade={cascade}",
            lambda expected, now: expected.delete_team(now, key, cascade=cascade),
            run,
        )

    def restore_team(self, state: Expected) -> Write:
        key = self.chance.choice(list(state.teams))

        def expected(expected: Expected, now: Transaction) -> None:
            expected.teams[key]["is_deleted"] = False

        return Write(
            f"restore team {key}",
            expected,
            lambda: self.tables.team.objects.filter(pk=key).update(deleted_at=None),
        )

    # Notes

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


def attname(name: str) -> str:
    return "team_id" if name == "team" else name


def attributes(row: Row) -> Row:
    return {attname(name): value for name, value in row.items()}


def flat(rows: list[Row]) -> list[Any]:
    return [value for row in rows for value in row.values()]


def insert(table: str, names: Any, rows: list[Row]) -> sql.Composable:
    one = sql.SQL("({})").format(sql.SQL(", ").join(sql.Placeholder() * len(rows[0])))
    return sql.SQL("INSERT INTO {} ({}) VALUES {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join([one] * len(rows)),
    )


def typed(model: Any, names: Any, rows: list[Row]) -> sql.Composable:
    """Rows as a query, with the types of the table's columns."""
    types = {field.column: field.db_type(connection) for field in model._meta.local_fields}
    one = sql.SQL("SELECT ") + sql.SQL(", ").join(
        sql.SQL("%s::{} AS {}").format(sql.SQL(types[name]), sql.Identifier(name)) for name in names
    )
    return sql.SQL(" UNION ALL ").join([one] * len(rows))


def execute(statement: sql.Composable, parameters: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
