"""A documented path: the ready-made triggers are importable from here."""

from pgtrigger.triggers.composer import Composer
from pgtrigger.triggers.fsm import FSM
from pgtrigger.triggers.protect import Protect, ReadOnly
from pgtrigger.triggers.search_vector import UpdateSearchVector
from pgtrigger.triggers.soft_delete import SoftDelete

__all__ = ["FSM", "Composer", "Protect", "ReadOnly", "SoftDelete", "UpdateSearchVector"]
