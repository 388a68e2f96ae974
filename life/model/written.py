"""A write as the model and as a program sees it, with its random values and its SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg import sql

from life.model.tables import STATES, Tables

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


class RandomWrites:
    """Random values for the tables of one level, and the ways to insert rows."""

    def __init__(self, tables: Tables, chance: random.Random):
        self.tables, self.chance = tables, chance
        self.next_key = 1
        self.held: Any = None
        """An instance that was read some writes ago."""

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
