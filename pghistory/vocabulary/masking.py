"""Masked fields: an event records that an update changed them, but not their values.

Each has a separate column, True if the update changed the field; NULL for insertions and
deletions.
"""

from __future__ import annotations

# The two values of a masked field in a difference.
MASKED = "(masked)"
CHANGED = "(changed)"


def flag(name: str) -> str:
    """The field of an event model that says whether the field of this name changed."""
    return f"pgh_{name}_changed"
