"""Random writes of items and of the teams that they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from life.model.tables import COLUMNS, STATES
from life.model.written import (
    RandomWrites,
    Write,
    attname,
    attributes,
    execute,
    flat,
    insert,
    typed,
)

if TYPE_CHECKING:
    from life.model.expected import Expected, Row, Transaction


class ItemWrites(RandomWrites):
    """Writes of items and teams."""

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
