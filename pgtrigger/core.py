"""A documented path: ``Trigger`` and the words of declarations are importable from here."""

from pgtrigger.database.catalog import INSTALLED, OUTDATED, PRUNE, UNALLOWED, UNINSTALLED
from pgtrigger.naming import MAX_NAME_LENGTH
from pgtrigger.triggers.templates import Func
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary.clauses import (
    After,
    Before,
    Deferred,
    Delete,
    Immediate,
    Insert,
    InsteadOf,
    Level,
    Operation,
    Operations,
    Referencing,
    Row,
    Statement,
    Timing,
    Truncate,
    Update,
    UpdateOf,
    When,
)
from pgtrigger.vocabulary.conditions import (
    AllChange,
    AllDontChange,
    AnyChange,
    AnyDontChange,
    Condition,
    F,
    Q,
)
from pgtrigger.vocabulary.row_query import IsDistinctFrom, IsNotDistinctFrom

__all__ = [
    "INSTALLED",
    "MAX_NAME_LENGTH",
    "OUTDATED",
    "PRUNE",
    "UNALLOWED",
    "UNINSTALLED",
    "After",
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "Before",
    "Condition",
    "Deferred",
    "Delete",
    "F",
    "Func",
    "Immediate",
    "Insert",
    "InsteadOf",
    "IsDistinctFrom",
    "IsNotDistinctFrom",
    "Level",
    "Operation",
    "Operations",
    "Q",
    "Referencing",
    "Row",
    "Statement",
    "Timing",
    "Trigger",
    "Truncate",
    "Update",
    "UpdateOf",
    "When",
]
