"""Triggers declared on Django models: compiled to SQL, migrated, installed, inspected, ignored."""

from pgtrigger import contrib, core, registry, utils  # noqa: F401 - attributes, as in the PyPI package
from pgtrigger.administration import (
    disable,
    enable,
    install,
    prunable,
    prune,
    uninstall,
)
from pgtrigger.errors import (
    CycleError,
    DeclarationError,
    InvalidTransitionError,
    LimitError,
    ProtectedError,
    RaisedError,
    ReadOnlyError,
    RequirementError,
    StaleError,
    TriggerError,
)
from pgtrigger.session.deferral import constraints
from pgtrigger.session.ignore import ignore, is_ignored
from pgtrigger.session.search_path import schema
from pgtrigger.triggers.active_parent import ActiveParent
from pgtrigger.triggers.aggregates import Count, Sum
from pgtrigger.triggers.at_most import AtMost
from pgtrigger.triggers.composer import Composer
from pgtrigger.triggers.frozen import Frozen
from pgtrigger.triggers.fsm import FSM
from pgtrigger.triggers.no_cycle import NoCycle
from pgtrigger.triggers.protect import Protect, ReadOnly
from pgtrigger.triggers.registry import register, registered
from pgtrigger.triggers.requires import Requires
from pgtrigger.triggers.search_vector import UpdateSearchVector
from pgtrigger.triggers.soft_delete import SoftDelete, undelete
from pgtrigger.triggers.templates import Func
from pgtrigger.triggers.touch import Touch
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.triggers.version import Version
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

__version__ = "4.17.0"

__all__ = [
    "FSM",
    "ActiveParent",
    "After",
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "AtMost",
    "Before",
    "Composer",
    "Condition",
    "Count",
    "CycleError",
    "DeclarationError",
    "Deferred",
    "Delete",
    "F",
    "Frozen",
    "Func",
    "Immediate",
    "Insert",
    "InsteadOf",
    "InvalidTransitionError",
    "IsDistinctFrom",
    "IsNotDistinctFrom",
    "Level",
    "LimitError",
    "NoCycle",
    "Operation",
    "Operations",
    "Protect",
    "ProtectedError",
    "Q",
    "RaisedError",
    "ReadOnly",
    "ReadOnlyError",
    "Referencing",
    "RequirementError",
    "Requires",
    "Row",
    "SoftDelete",
    "StaleError",
    "Statement",
    "Sum",
    "Timing",
    "Touch",
    "Trigger",
    "TriggerError",
    "Truncate",
    "Update",
    "UpdateOf",
    "UpdateSearchVector",
    "Version",
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
    "undelete",
    "uninstall",
]
