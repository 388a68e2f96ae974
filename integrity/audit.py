"""Findings that weaken the integrity which a database's constraints and triggers promise."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections

from .catalog import query

# Each is a query in sql/audit/, and what its findings mean.
KINDS = {
    "not_valid": "Not valid: rows that are older may break it. VALIDATE CONSTRAINT checks them.",
    "unindexed_foreign_key": (
        "Foreign key without index: deleting a row that may be referred to reads the whole table."
    ),
    "deferrable": (
        "Deferrable: can be checked at COMMIT, where an error is hard to catch. Django's foreign"
        " keys are; skip this kind if that is meant."
    ),
    "sequence": "Sequence past half of its type: before it runs out, make the column a bigint.",
    "disabled_trigger": "Disabled trigger: its rule does not hold. ENABLE TRIGGER brings it back.",
}


@dataclass(frozen=True)
class Finding:
    """Something that weakens integrity.

    Attributes:
        kind: one of KINDS.
        schema, table: where; the table is '' for a sequence that no column owns.
        name: of the constraint, sequence or trigger.
        detail: its definition or state, as PostgreSQL puts it.
    """

    kind: str
    schema: str
    table: str
    name: str
    detail: str


def audit(*, using: str = DEFAULT_DB_ALIAS, skip: Collection[str] = ()) -> list[Finding]:
    """Return the findings in all schemas of a database, by kind, schema, table and name.

    Raises:
        ValueError: A kind to skip is not one of KINDS.
    """
    unknown = set(skip) - set(KINDS)
    if unknown:
        raise ValueError(f"No such kind: {', '.join(unknown)}. The kinds are {', '.join(KINDS)}.")
    return [
        Finding(kind, *row)
        for kind in KINDS
        if kind not in skip
        for row in query(connections[using], f"audit/{kind}")
    ]
