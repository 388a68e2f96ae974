"""Postpone changes that rewrite or index event tables until somebody asks for them.

An event table that the PyPI package created has a 32-bit key, an index on ``pgh_obj`` alone, and no
index on ``pgh_created_at``. To change that, PostgreSQL rewrites the table and builds indexes while
it is locked. ``makemigrations`` omits these changes and says so; ``manage.py pghistory upgrade``
writes them.

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models

from pghistory.tracking import event_models
from pgtrigger import naming
from pgtrigger.migrating import autodetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.migrations.state import ModelState, ProjectState

_asked: ContextVar[frozenset[str]] = ContextVar("pghistory_asked", default=frozenset())
# What the last comparison of states left as it is.
_postponed: list[Postponed] = []


@dataclass(frozen=True)
class Postponed:
    """An event model whose table stays as it is."""

    label: str
    table: str
    has_small_key: bool
    has_old_indexes: bool

    def __str__(self) -> str:
        parts = [
            *(["its 32-bit key"] if self.has_small_key else []),
            *(["its indexes"] if self.has_old_indexes else []),
        ]
        size = _size(self.table)
        return f"{self.label} keeps {' and '.join(parts)}{f' ({size})' if size else ''}"


def register() -> None:
    if amend not in autodetector.amendments:
        autodetector.amendments.append(amend)
        autodetector.notices.append(notice)


@contextlib.contextmanager
def asked(labels: Iterable[str]) -> Iterator[None]:
    """Do not postpone changes of these event models (``app.Model``) inside the block."""
    token = _asked.set(frozenset(label.lower() for label in labels))
    try:
        yield
    finally:
        _asked.reset(token)


def postponed() -> list[Postponed]:
    """Return the changes that the last ``makemigrations`` of this process postponed."""
    return list(_postponed)


def amend(from_state: ProjectState, to_state: ProjectState) -> None:
    """Copy what must not change from the migrated models to the declared ones."""
    _postponed.clear()
    for model in event_models.all_event_models():
        key = (model._meta.app_label, model._meta.model_name)
        new = to_state.models.get(key)
        old = from_state.models.get(key) or _renamed(new, from_state, to_state)
        if new is None or old is None or model._meta.label_lower in _asked.get():
            continue
        small_key = _keep_key(old, new)
        old_indexes = _keep_indexes(old, new)
        if small_key or old_indexes:
            _postponed.append(
                Postponed(model._meta.label, model._meta.db_table, small_key, old_indexes)
            )


def notice() -> str:
    """Return the notice that ``makemigrations`` ends with, empty if nothing is postponed."""
    if not _postponed:
        return ""
    lines = "\n".join(f"  {each}" for each in _postponed)
    return (
        f"Event tables that stay as they are until you ask:\n{lines}\n"
        "To change them would lock them. See docs/moving-from-pypi.md and"
        " `manage.py pghistory upgrade --help`."
    )


def _renamed(
    new: ModelState | None, from_state: ProjectState, to_state: ProjectState
) -> ModelState | None:
    """The model that is renamed to the new one: Django compares all fields to find it."""
    if new is None:
        return None
    old: ModelState
    for key, old in from_state.models.items():
        same_fields = set(old.fields) == set(new.fields)
        if key[0] == new.app_label and key not in to_state.models and same_fields:
            return old
    return None


def _keep_key(old: ModelState, new: ModelState) -> bool:
    if type(old.fields.get("pgh_id")) is not models.AutoField:
        return False
    if not isinstance(new.fields.get("pgh_id"), models.BigAutoField):
        return False
    new.fields["pgh_id"] = old.fields["pgh_id"]
    return True


def _keep_indexes(old: ModelState, new: ModelState) -> bool:
    """Keep the old index on ``pgh_obj``, because the new ones are postponed."""
    before = {_purpose(index) for index in old.options.get("indexes", ())}
    wanted = new.options.get("indexes", [])
    added = [index for index in wanted if (p := _purpose(index)) and p not in before]
    if not added:
        return False
    new.options["indexes"] = [index for index in wanted if index not in added]
    obj, old_obj = new.fields.get("pgh_obj"), old.fields.get("pgh_obj")
    if isinstance(obj, models.ForeignKey) and getattr(old_obj, "db_index", False):
        kept: Any = obj.clone()
        kept.db_index = True
        new.fields["pgh_obj"] = kept
    return True


def _purpose(index: models.Index) -> str:
    """The part of a name that ``event_models`` gives, empty for an index of the project."""
    name = index.name or ""
    return next((each for each in event_models.INDEXES if name.startswith(f"{each}_")), "")


# https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-DBSIZE
_SIZE = """
    SELECT pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(c.oid)), c.reltuples::bigint
    FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(%s)
"""


def _size(table: str) -> str:
    """``12 MB, about 80000 events``, as far as the default database knows."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_SIZE, [naming.table_identifier(table).as_string()])
            found = cursor.fetchone()
    except DatabaseError:
        return ""
    if found is None:
        return ""
    size, rows = found
    return f"{size}, about {rows} events" if rows >= 0 else str(size)
