"""Forecast what the rules of a model will refuse, as far as it is known before a write.

Forms use it, so that they do not offer what would be refused.

A condition on the stored row is evaluated by PostgreSQL, so that it means here what it means in the
trigger. A condition on the new row is not known before the write, and such a rule says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import sql

from pgtrigger import naming
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    ROW_VARIABLES,
    columns_of,
    key_fields,
)
from pgtrigger.vocabulary.conditions import AnyChange, Condition, F, Q, conjuncts
from pgtrigger.vocabulary.row_query import RowQuery

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model


@dataclass(frozen=True)
class Forecast:
    """The known limits of the next write of a row, or of a new row.

    Attributes:
        read_only: names of fields that cannot change.
        states: by field, the values that it may get, its present one included.
        is_deletable: whether no rule is known to refuse a deletion.
    """

    read_only: frozenset[str] = frozenset()
    states: dict[str, list[Any]] = field(default_factory=dict)
    is_deletable: bool = True

    def __or__(self, other: Forecast) -> Forecast:
        """Return what both rules together refuse."""
        states = dict(self.states)
        for name, allowed in other.states.items():
            known = states.get(name, allowed)
            states[name] = [state for state in known if state in allowed]
        return Forecast(
            self.read_only | other.read_only,
            states,
            self.is_deletable and other.is_deletable,
        )


NOTHING = Forecast()


def kept_fields(model: type[Model], condition: Condition | None, row: Model | None) -> set[str]:
    """Return the fields that cannot change if an update is refused where the condition is true.

    Args:
        row: a row of the model as it is stored; None asks for what holds for every row.
    """
    parts = conjuncts(condition) if condition is not None else []
    changes = [changed for part in parts if (changed := _compared(model, part)) is not None]
    others = [part for part in parts if _compared(model, part) is None]
    if len(changes) > 1 or not holds(model, others, row):
        return set()
    return changes[0] if changes else {field.name for field in columns_of(model)}


def holds(model: type[Model], conditions: Iterable[Condition], row: Model | None) -> bool:
    """Return whether conditions on the old row are known to be true of the stored row."""
    conditions = list(conditions)
    if not conditions:
        return True
    if row is None or row.pk is None:
        return False
    if any(each.is_text() or NEW in each.sides(model) for each in conditions):
        return False
    connection = connections[row._state.db or DEFAULT_DB_ALIAS]
    values = RowQuery(model, ROW_VARIABLES)
    query = sql.SQL("SELECT pg_catalog.bool_and({}) FROM {} AS {} WHERE {}").format(
        sql.SQL(" AND ").join(
            sql.SQL("({})").format(sql.SQL(each.render(model, ROW_VARIABLES)))
            for each in conditions
        ),
        naming.table_identifier(model._meta.db_table),
        sql.SQL(ROW_VARIABLES.old),
        sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(
                ROW_VARIABLES.column(OLD, key),
                sql.SQL(values.value(getattr(row, key.attname), key)),
            )
            for key in key_fields(model)
        ),
    )
    with connection.cursor() as cursor:
        cursor.execute(query.as_string())
        found = cursor.fetchone()
    return bool(found and found[0])


def is_change(model: type[Model], condition: Condition) -> bool:
    """Return whether the condition only says that one of some fields changes."""
    return _compared(model, condition) is not None


def _compared(model: type[Model], condition: Condition) -> set[str] | None:
    """Return the fields of which one must differ for the condition to be true, or None."""
    if isinstance(condition, AnyChange):
        return {each.name for each in condition.compared_fields(model) or columns_of(model)}
    return _differing_fields(condition) if isinstance(condition, Q) else None


def _differing_fields(tree: Any) -> set[str] | None:
    if tree.negated or (len(tree.children) > 1 and tree.connector != Q.OR):
        return None
    names: set[str] = set()
    for child in tree.children:
        found = _differing_fields(child) if not isinstance(child, tuple) else _differing(*child)
        if found is None:
            return None
        names |= found
    return names or None


def _differing(path: str, value: Any) -> set[str] | None:
    side, _, rest = path.partition("__")
    name, _, lookup = rest.rpartition("__")
    other = NEW if side == OLD else OLD
    differs = lookup == "df" and isinstance(value, F) and value.name == f"{other}__{name}"
    return {name} if differs else None
