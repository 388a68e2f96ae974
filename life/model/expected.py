"""The model in plain Python: what tables, events and contexts must be after each write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from life.model.tables import COLUMNS, TRANSITIONS

Row = dict[str, Any]
Change = Callable[[Row], Row]


class Refused(Exception):
    """The write must fail, with one of these exceptions' names."""

    def __init__(self, *names: str):
        super().__init__(*names)
        self.names = frozenset(names)


@dataclass
class Transaction:
    """The surroundings of a write: which rules are ignored, and the context."""

    number: int
    ignored: frozenset[str] = frozenset()
    context: str | None = None
    metadata: Row = field(default_factory=dict)

    def holds(self, rule: str) -> bool:
        return rule not in self.ignored and "*" not in self.ignored


@dataclass
class Expected:
    """Rows by key, events with their number, and contexts by id."""

    level: str
    items: dict[int, Row] = field(default_factory=dict)
    notes: dict[int, Row] = field(default_factory=dict)
    teams: dict[int, Row] = field(default_factory=dict)
    events: Counter[Any] = field(default_factory=Counter)
    contexts: dict[str, tuple[int, Row]] = field(default_factory=dict)

    def after(self, write: Callable[[Expected], None]) -> Expected:
        """Return the state after a write. Raise Refused if it must fail."""
        changed = replace(
            self,
            items=dict(self.items),
            notes=dict(self.notes),
            teams={key: dict(team) for key, team in self.teams.items()},
            events=self.events.copy(),
            contexts=dict(self.contexts),
        )
        write(changed)
        return changed

    # Items

    def insert_items(self, now: Transaction, rows: Iterable[Row]) -> None:
        self._any_order(*(partial(self._insert_item, now, row) for row in rows))

    def _insert_item(self, now: Transaction, row: Row) -> None:
        new = dict(row)
        if now.holds("search"):
            new["vector"] = vector(new["text"])
        reasons = self._reasons(new, now, "negative_new", moved=True)
        if new["id"] in self.items or any(
            new["code"] == other["code"] for other in self.items.values()
        ):
            reasons.append("IntegrityError")
        if reasons:
            raise Refused(*reasons)
        self.items[new["id"]] = new
        self._count(now, new, 1)
        self._event(now, "item", "insert", new)

    def update_items(self, now: Transaction, keys: Iterable[int], change: Change) -> None:
        self._any_order(*(partial(self._update_item, now, key, change) for key in keys))

    def _update_item(self, now: Transaction, key: int, change: Change) -> None:
        old = self.items[key]
        new = {**old, **change(old)}
        if now.holds("search"):
            new["vector"] = vector(new["text"])
        reasons = self._update_reasons(old, new, now)
        if new != old and now.holds("version"):
            if new["version"] != old["version"]:
                reasons.append("StaleError")
            new["version"] += 1
        if reasons:
            raise Refused(*reasons)
        self.items[key] = new
        self._count(now, old, -1)
        self._count(now, new, 1)
        if new != old:
            self._event(now, "item", "update", new)

    def delete_items(self, now: Transaction, keys: Iterable[int]) -> None:
        self._any_order(*(partial(self._delete_item, now, key) for key in keys))

    def _delete_item(self, now: Transaction, key: int) -> None:
        if now.holds("soft"):
            self._update_item(now, key, lambda row: {"is_active": False})
            return
        old = self.items.pop(key)
        self._count(now, old, -1)
        self._event(now, "item", "delete", old)

    def truncate_items(self, now: Transaction) -> None:
        for row in self.items.values():
            self._event(now, "item", "delete", row)
        self.items.clear()
        if now.holds("team_items"):
            for team in self.teams.values():
                team["items"] = 0

    def merge_items(self, now: Transaction, rows: list[Row], *, conflict: str) -> None:
        """Insert rows; of those that are there, update number and text, or do ``nothing``.

        ``conflict``: ``update`` or ``nothing`` for ON CONFLICT, ``merge`` for MERGE. Triggers
        BEFORE INSERT see also the rows that ON CONFLICT then finds.
        """
        there = [row for row in rows if row["id"] in self.items]
        self._any_order(
            partial(self._refuse_before_insert, now, there if conflict != "merge" else []),
            partial(self.insert_items, now, [row for row in rows if row not in there]),
            partial(self._update_merged, now, there, conflict),
        )

    def _refuse_before_insert(self, now: Transaction, rows: list[Row]) -> None:
        is_negative = any(row["number"] < 0 for row in rows)
        if is_negative and self.level == "row" and now.holds("negative_new"):
            raise Refused("ProtectedError")

    def _update_merged(self, now: Transaction, rows: list[Row], conflict: str) -> None:
        values = {row["id"]: {"number": row["number"], "text": row["text"]} for row in rows}
        if conflict != "nothing":
            self.update_items(now, values, lambda old: values[old["id"]])

    @staticmethod
    def _any_order(*parts: Callable[[], None]) -> None:
        """Run the parts of one statement; if several fail, each of their errors may be raised."""
        names: set[str] = set()
        for part in parts:
            try:
                part()
            except Refused as refused:
                names |= refused.names
        if names:
            raise Refused(*names)

    def _reasons(
        self, new: Row, now: Transaction, protect: str = "negative_new", *, moved: bool = True
    ) -> list[str]:
        reasons = []
        if new["number"] < 0 and now.holds(protect):
            reasons.append("ProtectedError")
        team = self.teams.get(new["team"])
        is_orphan = moved and new["is_active"] and team is not None and team["is_deleted"]
        if is_orphan and now.holds("active_team"):
            reasons.append("RequirementError")
        return reasons

    def _update_reasons(self, old: Row, new: Row, now: Transaction) -> list[str]:
        moved = new["team"] != old["team"] or not old["is_active"]
        reasons = self._reasons(new, now, "negative", moved=moved)
        if new["code"] != old["code"] and now.holds("read_only"):
            reasons.append("ReadOnlyError")
        if new["state"] != old["state"] and now.holds("fsm"):
            pairs = {(old["state"], new["state"]), ("*", new["state"])}
            if not pairs & set(TRANSITIONS):
                reasons.append("InvalidTransitionError")
        return reasons

    def _count(self, now: Transaction, row: Row, number: int) -> None:
        if row["team"] is not None and row["is_active"] and now.holds("team_items"):
            self.teams[row["team"]]["items"] += number

    # Teams

    def delete_team(self, now: Transaction, key: int, *, cascade: bool) -> None:
        """Soft-delete a team. Django deletes its items before; SQL does not."""

        def of_team() -> list[Row]:
            return [item for item in self.items.values() if item["team"] == key]

        if cascade:
            self.delete_items(now, [item["id"] for item in of_team()])
        is_used = any(item["is_active"] for item in of_team())
        if is_used and now.holds("active_team") and not self.teams[key]["is_deleted"]:
            raise Refused("ProtectedError")
        self.teams[key]["is_deleted"] = True

    # Notes

    def insert_notes(self, now: Transaction, rows: Iterable[Row]) -> None:
        for row in rows:
            if row["id"] in self.notes:
                raise Refused("IntegrityError")
            self.notes[row["id"]] = dict(row)
            self._event(now, "note", "insert", row)

    def update_notes(self, now: Transaction, keys: Iterable[int], change: Change) -> None:
        changed = {key: {**self.notes[key], **change(self.notes[key])} for key in keys}
        before = {key: self.notes.pop(key) for key in changed}
        for key, new in changed.items():
            if new["id"] in self.notes:
                raise Refused("IntegrityError")
            self.notes[new["id"]] = new
            if new != before[key]:
                self._event(now, "note", "update", new)

    def delete_notes(self, now: Transaction, keys: Iterable[int]) -> None:
        for key in keys:
            self._event(now, "note", "delete", self.notes.pop(key))

    def truncate_notes(self, now: Transaction) -> None:
        """Remove every row. The trigger is not the one that fires for DELETE."""
        for row in self.notes.values():
            self._event(now, "note", "delete", row, trigger="note_truncate")
        self.notes.clear()

    # Events

    def _event(self, now: Transaction, table: str, label: str, row: Row, trigger: str = "") -> None:
        if not now.holds(trigger or f"{table}_{label}"):
            return
        values = tuple(row[name] for name in COLUMNS[table])
        self.events[table, label, now.context, values] += 1
        if now.context is None:
            return
        created, kept = self.contexts.get(now.context, (now.number, {}))
        # A later transaction adds keys, and changes none.
        merged = kept | now.metadata if created == now.number else now.metadata | kept
        self.contexts[now.context] = (created, merged)


def vector(text: str | None) -> str:
    """Return what ``to_tsvector('simple', text)`` prints, for words of letters."""
    positions: dict[str, list[int]] = {}
    for position, word in enumerate((text or "").split(), 1):
        positions.setdefault(word, []).append(position)
    return " ".join(
        f"'{word}':{','.join(map(str, found))}" for word, found in sorted(positions.items())
    )
