"""Triggers declared on Django models: compiled to SQL, migrated, installed, inspected, ignored."""

from pgtrigger.administration import (
    disable,
    enable,
    install,
    prunable,
    prune,
    uninstall,
)
from pgtrigger.clauses import (
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
from pgtrigger.composer import Composer
from pgtrigger.conditions import (
    AllChange,
    AllDontChange,
    AnyChange,
    AnyDontChange,
    Condition,
    F,
    Q,
)
from pgtrigger.declarations import Func
from pgtrigger.errors import (
    DeclarationError,
    InvalidTransitionError,
    ProtectedError,
    RaisedError,
    ReadOnlyError,
    TriggerError,
)
from pgtrigger.registration import register, registered
from pgtrigger.rewriting import SoftDelete, UpdateSearchVector
from pgtrigger.rows import IsDistinctFrom, IsNotDistinctFrom
from pgtrigger.rules import Protect, ReadOnly
from pgtrigger.runtime import constraints, ignore, is_ignored, schema
from pgtrigger.transitions import FSM
from pgtrigger.triggers import Trigger

__version__ = "4.17.0"

__all__ = [
    "FSM",
    "After",
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "Before",
    "Composer",
    "Condition",
    "DeclarationError",
    "Deferred",
    "Delete",
    "F",
    "Func",
    "Immediate",
    "Insert",
    "InsteadOf",
    "InvalidTransitionError",
    "IsDistinctFrom",
    "IsNotDistinctFrom",
    "Level",
    "Operation",
    "Operations",
    "Protect",
    "ProtectedError",
    "Q",
    "RaisedError",
    "ReadOnly",
    "ReadOnlyError",
    "Referencing",
    "Row",
    "SoftDelete",
    "Statement",
    "Timing",
    "Trigger",
    "TriggerError",
    "Truncate",
    "Update",
    "UpdateOf",
    "UpdateSearchVector",
    "When",
    "__version__",
    "constraints",
    "disable",
    "enable",
    "ignore",
    "install",
    "is_ignored",
    "prunable",
    "prune",
    "register",
    "registered",
    "schema",
    "uninstall",
]
