"""Conditions in words, for hints and documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.constants import LOOKUP_SEP

from pgtrigger.vocabulary.columns import ROW_VARIABLES
from pgtrigger.vocabulary.conditions import Condition, F, Q

if TYPE_CHECKING:
    from django.db.models import Model

_COMPARISONS = {
    "exact": "is",
    "ndf": "is",
    "df": "is not",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is greater than",
    "gte": "is at least",
    "in": "is one of",
    "contains": "contains",
    "startswith": "starts with",
    "endswith": "ends with",
}


def sentence(condition: Condition, model: type[Model]) -> str:
    """Return the condition in words, or its SQL if it is not a simple ``Q``.

    >>> sentence(Q(old__status="issued"), Invoice)
    "the old status is 'issued'"
    """
    if isinstance(condition, Q):
        words = _of_tree(condition)
        if words is not None:
            return words
    return condition.render(model, ROW_VARIABLES)


def _of_tree(tree: models.Q) -> str | None:
    parts = [
        _of_tree(child) if isinstance(child, models.Q) else _of_lookup(child)
        for child in tree.children
    ]
    if not parts or None in parts:
        return None
    nested = [
        f"({part})" if isinstance(child, models.Q) and len(child.children) > 1 else str(part)
        for part, child in zip(parts, tree.children, strict=True)
    ]
    if tree.connector not in (models.Q.AND, models.Q.OR):
        return None
    joined = f" {tree.connector.lower()} ".join(nested)
    return f"not ({joined})" if tree.negated else joined


def _of_lookup(child: Any) -> str | None:
    if not isinstance(child, tuple):
        return None
    path, value = child
    side, *names = path.split(LOOKUP_SEP)
    lookup = names.pop() if len(names) > 1 and names[-1] in {*_COMPARISONS, "isnull"} else "exact"
    subject = f"the {side} {'.'.join(names)}"
    if lookup == "isnull":
        return f"{subject} is {'' if value else 'not '}NULL"
    shown = _value(value)
    return f"{subject} {_COMPARISONS[lookup]} {shown}" if shown is not None else None


def _value(value: Any) -> str | None:
    if isinstance(value, F):
        side, _, name = value.name.partition(LOOKUP_SEP)
        return f"the {side} {name.replace(LOOKUP_SEP, '.')}"
    if hasattr(value, "resolve_expression"):
        return None
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(str(_value(each)) for each in value)
    if value is None:
        return "NULL"
    value = getattr(value, "value", value)
    return f"'{value}'" if isinstance(value, str) else str(value)
