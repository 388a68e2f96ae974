"""The rows of a chapter's tables as they change, frame by frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import models

SHOWN = 8


@dataclass(frozen=True)
class TableRow:
    """`state` is how it stands to the frame before: added, changed, removed or empty; `changed`
    are the places of the values that differ.
    """

    key: Any
    values: tuple[Any, ...]
    state: str = ""
    changed: frozenset[int] = frozenset()

    @property
    def cells(self) -> list[tuple[Any, bool]]:
        """Each value, and whether it differs from the frame before."""
        return [(value, place in self.changed) for place, value in enumerate(self.values)]


@dataclass(frozen=True)
class Table:
    """A model's newest rows, the oldest of them first, by column."""

    model: type[models.Model]
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    def values(self, column: str) -> list[Any]:
        """One column of the rows."""
        place = self.columns.index(column)
        return [row.values[place] for row in self.rows]


@dataclass(frozen=True)
class Frame:
    """The rows that differ from the frame before, once the code was past `line`; at first all."""

    line: int | None
    tables: tuple[Table, ...]


def read_table(model: type[models.Model]) -> Table:
    """The rows there are now."""
    columns = tuple(field.attname for field in model._meta.concrete_fields)
    newest = model._base_manager.order_by("-pk").values_list("pk", *columns)[:SHOWN]
    rows = (TableRow(key, tuple(values)) for key, *values in reversed(newest))
    return Table(model, columns, tuple(rows))


def compare(before: Table, now: Table) -> Table:
    """The table now, its rows marked with what became of them."""
    old = {row.key: row for row in before.rows}
    new = {row.key: row for row in now.rows}
    is_cut = len(now.rows) == SHOWN
    gone = [row for row in before.rows if row.key not in new and not is_cut]
    removed = [TableRow(row.key, row.values, "removed") for row in gone]
    return Table(now.model, now.columns, (*removed, *(_marked(old.get(k), new[k]) for k in new)))


def only_changes(tables: Iterable[Table]) -> tuple[Table, ...]:
    """Return the tables that changed since the previous frame, with only their changed rows."""
    changed = (replace(t, rows=tuple(row for row in t.rows if row.state)) for t in tables)
    return tuple(table for table in changed if table.rows)


@dataclass
class TableChanges:
    """A table's rows after each write that changed one, by line of the code."""

    name: str
    columns: tuple[str, ...]
    steps: list[tuple[int | None, tuple[TableRow, ...]]]


def changes_by_table(frames: Sequence[Frame]) -> list[TableChanges]:
    """Return the frames after the first, as one table for each model."""
    changes = {
        table.model: TableChanges(table.name, table.columns, [])
        for frame in frames
        for table in frame.tables
    }
    for frame in frames[1:]:
        for table in frame.tables:
            changes[table.model].steps.append((frame.line, table.rows))
    return [table for table in changes.values() if table.steps]


def newest_tables(frames: Sequence[Frame]) -> dict[type[models.Model], Table]:
    """Each table as the last frame that has it shows it."""
    return {table.model: table for frame in frames for table in frame.tables}


def _marked(old: TableRow | None, new: TableRow) -> TableRow:
    if old is None:
        return TableRow(new.key, new.values, "added")
    differing = frozenset(
        place for place, value in enumerate(new.values) if value != old.values[place]
    )
    return TableRow(new.key, new.values, "changed" if differing else "", differing)
