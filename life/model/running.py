"""Random writes in random transactions, contexts and scopes, compared after each step."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DatabaseError, connection, transaction
from psycopg import sql

import pghistory
import pgtrigger
from life.model.expected import Expected, Refused, Transaction
from life.model.tables import COLUMNS
from life.model.writes import Writes
from life.model.written import Write, attname, execute

if TYPE_CHECKING:
    from life.model.tables import Tables

TEAMS = (1, 2, 3)
RULES = ("negative", "negative_new", "read_only", "fsm", "search", "soft", "version",
         "team_items", "active_team", "item_insert", "item_update", "note_delete")  # fmt: skip
EVENT_TRIGGERS = {
    "item_insert": "insert_insert",
    "item_update": "update_update",
    "note_delete": "delete_delete",
}


NOTHING_WRITTEN = object()


class Mismatch(Exception):
    """The database is not as the model expects."""


class Failure(Exception):
    """Ends a block by an error, so that it is rolled back."""


@dataclass
class Block:
    """A ``with`` block that is open, and what was before it."""

    manager: Any
    kind: str
    before: Expected | None = None
    now: Transaction | None = None


@dataclass
class Episode:
    """Some hundred steps that begin with empty tables."""

    tables: Tables
    chance: random.Random
    steps: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def run(self, length: int) -> None:
        self._empty()
        self.writes = Writes(self.tables, self.chance)
        self.state = Expected(self.tables.level)
        self.state.teams = {key: {"items": 0, "is_deleted": False} for key in TEAMS}
        self.now = Transaction(0)
        self.blocks: list[Block] = []
        self.chance_to_read_all = random.Random(length)
        self._forget_events()
        try:
            for _ in range(length):
                if self._step() is not NOTHING_WRITTEN:
                    self._compare()
            while self.blocks:
                self._leave(failing=False)
            self._forget_events()
            self._compare()
        finally:
            while self.blocks:
                self._leave(failing=True)

    def _empty(self) -> None:
        models = [
            *self.tables.event_models().values(),
            *(self.tables.item, self.tables.note, self.tables.team),
            apps.get_model("pghistory.Context"),
        ]
        names = sql.SQL(", ").join(sql.Identifier(each._meta.db_table) for each in models)
        with pgtrigger.ignore():
            execute(sql.SQL("TRUNCATE {}").format(names))
        self.tables.team.objects.bulk_create([self.tables.team(pk=key) for key in TEAMS])

    # Steps

    def _step(self) -> object:
        kinds = {
            self._write: 20,
            self._open_transaction: 2 if len(self.blocks) < 6 else 0,
            self._open_context: 1.5 if len(self.blocks) < 6 else 0,
            self._open_ignore: 1 if len(self.blocks) < 6 else 0,
            self._add_to_context: 1 if self.now.context else 0,
            self._leave_some: 4 if self.blocks else 0,
            self._fail: 0.5,
        }
        [kind] = self.chance.choices(list(kinds), list(kinds.values()))
        return kind()

    @property
    def _is_in_transaction(self) -> bool:
        return any(block.kind == "atomic" for block in self.blocks)

    def _open_transaction(self) -> object:
        self.steps.append("begin")
        if not self._is_in_transaction:
            self.now.number += 1
        self._enter(transaction.atomic(), "atomic", before=self.state)
        return NOTHING_WRITTEN

    def _open_context(self) -> object:
        values = self._metadata()
        self.steps.append(f"context {values}")
        now = self.now
        opened = self._enter(pghistory.context(**values), "context", now=now)
        # A context inside another one joins it, and what it adds stays.
        metadata = now.metadata if now.context else {}
        metadata.update(values)
        self.now = Transaction(now.number, now.ignored, str(opened.id), metadata)
        return NOTHING_WRITTEN

    def _add_to_context(self) -> object:
        values = self._metadata()
        self.steps.append(f"add to context {values}")
        pghistory.context(**values)
        self.now.metadata.update(values)
        return NOTHING_WRITTEN

    def _open_ignore(self) -> object:
        rules = ["*"] if self.chance.random() < 0.1 else self.chance.sample(RULES, 2)
        self.steps.append(f"ignore {rules}")
        uris = [] if rules == ["*"] else [self._uri(rule) for rule in rules]
        now = self.now
        self._enter(pgtrigger.ignore(*uris), "ignore", now=now)
        self.now = Transaction(
            now.number, now.ignored | frozenset(rules), now.context, now.metadata
        )
        return NOTHING_WRITTEN

    def _uri(self, rule: str) -> str:
        model = self.tables.note if rule.startswith("note_") else self.tables.item
        return f"{model._meta.label}:{EVENT_TRIGGERS.get(rule, rule)}"

    def _metadata(self) -> dict[str, Any]:
        return {self.chance.choice(["user", "reason", "page"]): self.chance.randrange(5)}

    def _leave_some(self) -> None:
        self._leave(failing=self.chance.random() < 0.4)

    def _enter(self, manager: Any, kind: str, **kept: Any) -> Any:
        opened = manager.__enter__()
        self.blocks.append(Block(manager, kind, **kept))
        return opened

    def _leave(self, *, failing: bool) -> None:
        block = self.blocks.pop()
        failing = failing and block.kind == "atomic"
        self.steps.append(f"{'roll back' if failing else 'end'} {block.kind}")
        error = Failure() if failing else None
        block.manager.__exit__(type(error) if error else None, error, None)
        if failing:
            assert block.before is not None
            self.state = block.before
            self._forget_events()
        if block.now is not None:
            number = self.now.number
            self.now = block.now
            self.now.number = number

    def _fail(self) -> None:
        """A statement that fails takes only its savepoint along."""
        self.steps.append("fail")
        try:
            with transaction.atomic():
                execute(sql.SQL("SELECT 1 / 0"))
        except DatabaseError:
            return
        raise Mismatch("1 / 0 did not fail")

    def _write(self) -> None:
        write = self.writes.any(
            self.state,
            in_transaction=self._is_in_transaction,
            everything_ignored="*" in self.now.ignored,
        )
        if not self._is_in_transaction:
            self.now.number += 1
        self.steps.append(write.text)
        expected: Expected | None = None
        names: frozenset[str] = frozenset()
        try:
            expected = self.state.after(lambda state: write.expected(state, self.now))
        except Refused as refused:
            names = refused.names
        raised = self._send(write)
        if expected is not None:
            if raised is not None:
                raise Mismatch(f"not expected: {type(raised).__name__}: {raised}") from raised
            self.state = expected
        elif raised is None:
            raise Mismatch(f"expected one of {sorted(names)}, and nothing was raised")
        elif type(raised).__name__ not in names:
            raise Mismatch(f"expected one of {sorted(names)}") from raised
        else:
            self.refused[type(raised).__name__] += 1

    def _send(self, write: Write) -> DatabaseError | None:
        try:
            if self._is_in_transaction:
                with transaction.atomic():
                    write.run()
            else:
                write.run()
        except DatabaseError as error:
            return error
        return None

    # Comparison

    def _compare(self) -> None:
        found = self._found()
        wanted = {
            "items": self.state.items,
            "notes": self.state.notes,
            "teams": self.state.teams,
            "events": self.state.events,
            "contexts": {key: values for key, (_, values) in self.state.contexts.items()},
        }
        for name, expected in wanted.items():
            if found[name] != expected:
                raise Mismatch(f"{name}: {_differences(expected, found[name])}")

    def _found(self) -> dict[str, Any]:
        self._read_events()
        contexts = apps.get_model("pghistory.Context").objects.values_list("id", "metadata")
        return {
            "items": _by_key(self.tables.item, COLUMNS["item"]),
            "notes": _by_key(self.tables.note, COLUMNS["note"]),
            "teams": {
                key: {"items": items, "is_deleted": deleted_at is not None}
                for key, items, deleted_at in self.tables.team.objects.values_list(
                    "id", "items", "deleted_at"
                )
            },
            "events": self.events,
            "contexts": {str(key): values for key, values in contexts},
        }

    def _read_events(self) -> None:
        """Read the new events; after a rollback, and from time to time, all."""
        if self.chance_to_read_all.random() < 0.1:
            self._forget_events()
        for table, model in self.tables.event_models().items():
            found = model.objects.filter(pk__gt=self.last[table]).values_list(
                "pk", "pgh_label", "pgh_obj_id", "pgh_context_id", *map(attname, COLUMNS[table])
            )
            for key, label, obj, context, *values in found:
                assert obj == values[0]
                self.last[table] = max(self.last[table], key)
                self.events[table, label, str(context) if context else None, tuple(values)] += 1

    def _forget_events(self) -> None:
        self.events: Counter[Any] = Counter()
        self.last = dict.fromkeys(self.tables.event_models(), 0)


def _by_key(model: Any, columns: tuple[str, ...]) -> dict[int, dict[str, Any]]:
    return {
        values[0]: dict(zip(columns, values, strict=True))
        for values in model.objects.values_list(*map(attname, columns))
    }


def _differences(expected: Any, found: Any) -> str:
    keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    return "; ".join(
        f"{key}: expected {expected.get(key)}, found {found.get(key)}" for key in keys[:5]
    )


def check_connection() -> None:
    """Leave no transaction open after an episode that failed."""
    if connection.in_atomic_block or connection.connection is None:
        connection.close()
