"""The DETAIL of a rule's error: a JSON object that PostgreSQL writes and Python reads.

::

    {"rule": "protect", "uri": "shop.Order:no_delete", "operation": "DELETE", "key": {"id": 1}}

https://www.postgresql.org/docs/current/plpgsql-errors-and-messages.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Detail(Generic[Value]):
    """The keys of the object. Each value is SQL in a function, and a JSON value in an error."""

    # Every rule
    rule: Value | None = None
    uri: Value | None = None
    operation: Value | None = None
    key: Value | None = None
    # FSM, and the rules that are about one foreign key
    field: Value | None = None
    # ReadOnly
    fields: Value | None = None
    # FSM
    old: Value | None = None
    new: Value | None = None
    # Version
    version: Value | None = None
    based_on: Value | None = None
    # AtMost
    limit: Value | None = None
    parent: Value | None = None
    # ActiveParent: the table whose rows refer to the row
    referring: Value | None = None

    def to_sql(self: Detail[sql.Composable]) -> sql.Composable:
        """Return the SQL of the object as text, with the keys that have a value."""
        values = {name: getattr(self, name) for name in NAMES}
        arguments = sql.SQL(", ").join(
            sql.SQL("{}, {}").format(sql.Literal(name), value)
            for name, value in values.items()
            if value is not None
        )
        return sql.SQL("pg_catalog.json_build_object({})::pg_catalog.text").format(arguments)


NAMES = [field.name for field in fields(Detail)]


def parse(text: str | None) -> dict[str, Any] | None:
    """Return the object that the text is, or None if no rule has written the text."""
    try:
        parsed = json.loads(text or "")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and "uri" in parsed else None


def from_json(parsed: Mapping[str, Any]) -> Detail[Any]:
    """Return the values of a parsed object, without keys that are not listed above."""
    return Detail(**{name: parsed[name] for name in NAMES if name in parsed})
