"""The rows of a chapter's tables as they change, frame by frame."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import models

SHOWN = 8


@dataclass(frozen=True)
class TableRow:
    """A row, compared with the frame before.

    `state` is added, changed, removed or empty. `changed` are the indexes of differing values.
    """

    key: Any
    values: tuple[Any, ...]
    state: str = ""
    changed: frozenset[int] = frozenset()

    @property
    def cells(self) -> list[tuple[Any, bool]]:
        """Return each value, and whether it differs from the frame before."""
        return [(value, place in self.changed) for place, value in enumerate(self.values)]


@dataclass(frozen=True)
class Table:
    """The newest rows of a model, in the order of their keys."""

    model: type[models.Model]
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    def values(self, column: str) -> list[Any]:
        """Return one column of the rows."""
        place = self.columns.index(column)
        return [row.values[place] for row in self.rows]


@dataclass(frozen=True)
class Frame:
    """The rows that `line` changed; in the first frame, all rows."""

    line: int | None
    tables: tuple[Table, ...]


def read_table(model: type[models.Model]) -> Table:
    """Read the newest rows of the model's table."""
    columns = tuple(field.attname for field in model._meta.concrete_fields)
    newest = model._base_manager.order_by("-pk").values_list("pk", *columns)[:SHOWN]
    rows = (TableRow(key, tuple(values)) for key, *values in reversed(newest))
    return Table(model, columns, tuple(rows))


def compare(before: Table, now: Table) -> Table:
    """Return the table as it is now; each row is marked as added, changed, removed or neither."""
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
    """Return each table as it is in the last frame that contains it."""
    return {table.model: table for frame in frames for table in frame.tables}


def _marked(old: TableRow | None, new: TableRow) -> TableRow:
    if old is None:
        return TableRow(new.key, new.values, "added")
    differing = frozenset(
        place for place, value in enumerate(new.values) if value != old.values[place]
    )
    return TableRow(new.key, new.values, "changed" if differing else "", differing)
