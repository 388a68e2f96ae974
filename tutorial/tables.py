"""The rows of a table, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

SHOWN = 12


@dataclass(frozen=True)
class Row:
    """`state` is how it stands to the snapshot before: added, changed, removed or empty."""

    key: Any
    values: tuple[Any, ...]
    state: str = ""


@dataclass(frozen=True)
class Table:
    """A model's newest rows, oldest of them first, by column."""

    model: type[models.Model]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        return self.model._meta.db_table


def snapshot(shown: Sequence[type[models.Model]], before: Sequence[Table] = ()) -> list[Table]:
    """The rows of the models now; compared with those `before`, where there are some."""
    earlier = {table.model: table for table in before}
    return [_table(model, earlier.get(model)) for model in shown]


def _table(model: type[models.Model], before: Table | None) -> Table:
    columns = tuple(field.attname for field in model._meta.concrete_fields)
    newest = model._base_manager.order_by("-pk").values_list("pk", *columns)[:SHOWN]
    rows = [Row(key, values) for key, *values in reversed(newest)]
    if before is not None:
        rows = _compared(before.rows, [Row(row.key, tuple(row.values)) for row in rows])
    return Table(model, columns, tuple(rows))


def _compared(before: Sequence[Row], after: Sequence[Row]) -> list[Row]:
    old = {row.key: row for row in before}
    new = {row.key: row for row in after}

    def state(row: Row) -> str:
        if row.key not in old:
            return "added"
        return "" if tuple(old[row.key].values) == tuple(row.values) else "changed"

    removed = [Row(row.key, row.values, "removed") for row in before if row.key not in new]
    return removed + [Row(row.key, row.values, state(row)) for row in after]
