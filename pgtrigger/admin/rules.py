"""The rule that soft-deletes the rows of a model, for its admin."""

from pgtrigger.triggers.soft_delete import rule_of as soft_deletion

__all__ = ["soft_deletion"]
