"""Tracked tables, and their likes with triggers as an expert writes them by hand.

Both write the same event tables, with the same indexes and the context's key.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection, models

import pghistory
import pgtrigger
from bench.declared import execute

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())


class Item(models.Model):
    status = models.CharField(max_length=32, default="draft")
    title = models.TextField(default="A title of ordinary length")
    amount = models.IntegerField(default=1)
    version = models.IntegerField(default=0)

    class Meta:
        abstract = True
        app_label = "bench"


@pghistory.track(*ALL, level=pgtrigger.Row)
class RowItem(Item):
    pass


@pghistory.track(*ALL, level=pgtrigger.Statement)
class StatementItem(Item):
    pass


@pghistory.track(pghistory.ManualEvent("manual"))
class RowByHand(Item):
    pass


@pghistory.track(pghistory.ManualEvent("manual"))
class StatementByHand(Item):
    pass


LEVELS = {"row": (RowItem, RowByHand), "statement": (StatementItem, StatementByHand)}

_COLUMNS = ("id", "status", "title", "amount", "version")
_INSERT = (
    "INSERT INTO {{events}} (pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id, "
    + ", ".join(_COLUMNS)
    + ") SELECT clock_timestamp(), '{label}', {row}.id, "
    "NULLIF(current_setting('pghistory.context_id', true), '')::uuid, "
    + ", ".join(f"{{row}}.{column}" for column in _COLUMNS)
)
_CHANGED = (
    "("
    + ", ".join(f"o.{column}" for column in _COLUMNS)
    + ") IS DISTINCT FROM ("
    + ", ".join(f"n.{column}" for column in _COLUMNS)
    + ")"
)
_BY_ROW = {
    "insert": ("new", "AFTER INSERT ON {table} FOR EACH ROW", ""),
    "update": (
        "new",
        "AFTER UPDATE ON {table} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)",
        "",
    ),
    "delete": ("old", "AFTER DELETE ON {table} FOR EACH ROW", ""),
}
_BY_STATEMENT = {
    "insert": ("n", "AFTER INSERT ON {table} REFERENCING NEW TABLE AS n", " FROM n"),
    "update": (
        "n",
        "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS o NEW TABLE AS n",
        f" FROM o JOIN n USING (id) WHERE {_CHANGED}",
    ),
    "delete": ("o", "AFTER DELETE ON {table} REFERENCING OLD TABLE AS o", " FROM o"),
}


@contextmanager
def tables() -> Iterator[None]:
    """All of them, with their triggers."""
    pairs = [pair for models in LEVELS.values() for pair in models]
    made = [each for model in pairs for each in (model, model.pgh_event_model)]
    with connection.schema_editor() as editor:
        for each in made:
            editor.create_model(each)
    for model in made:
        execute("ALTER TABLE {table} SET (autovacuum_enabled = false)", table=model._meta.db_table)
    _write_by_hand(RowByHand, _BY_ROW)
    _write_by_hand(StatementByHand, _BY_STATEMENT)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for each in made:
                editor.delete_model(each)
        for model in (RowByHand, StatementByHand):
            for label in _BY_ROW:
                execute("DROP FUNCTION {function}()", function=f"{model._meta.db_table}_{label}")


def _write_by_hand(model: Any, triggers: dict[str, tuple[str, str, str]]) -> None:
    names = {"table": model._meta.db_table, "events": model.pgh_event_model._meta.db_table}
    for label, (row, fires, source) in triggers.items():
        names |= {"function": f"{model._meta.db_table}_{label}", "trigger": f"by_hand_{label}"}
        insert = _INSERT.format(label=label, row=row) + source
        execute(
            "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {insert}; RETURN NULL; END $$",
            **names,
        )
        execute(f"CREATE TRIGGER {{trigger}} {fires} EXECUTE FUNCTION {{function}}()", **names)


def empty(model: Any) -> None:
    with pgtrigger.ignore():
        execute(
            "TRUNCATE {table}, {events}",
            table=model._meta.db_table,
            events=model.pgh_event_model._meta.db_table,
        )


def fill(model: Any, rows: int) -> None:
    """So many rows, and no events."""
    empty(model)
    with pgtrigger.ignore():
        execute(
            "INSERT INTO {table} (status, title, amount, version) "
            f"SELECT 'draft', 'A title of ordinary length', n, 0 FROM generate_series(1, {rows}) n",
            table=model._meta.db_table,
        )
    empty_events(model)
    execute("ANALYZE {table}", table=model._meta.db_table)


def empty_events(model: Any) -> None:
    execute("TRUNCATE {events}", events=model.pgh_event_model._meta.db_table)
