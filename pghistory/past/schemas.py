"""The schemas of views, and the variable that holds the time: see Note [Views of the past]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pghistory.writing import event_trigger

PAST = "pghistory_past"
TIME = "pghistory.as_of"


@dataclass(frozen=True)
class Schemas:
    """The schemas of views for the tables of one schema."""

    past: str
    untracked: str

    @classmethod
    def of(cls, schema: str) -> Schemas:
        name = (
            PAST if schema == "public" else event_trigger.with_digest(f"{PAST}_{schema}", of=schema)
        )
        return cls(name, f"{name}_untracked")

    @classmethod
    def here(cls, cursor: Any) -> Schemas:
        """Return the schemas of views for the first schema of the search_path."""
        cursor.execute("SELECT pg_catalog.current_schema()::text")
        return cls.of(cursor.fetchone()[0])
