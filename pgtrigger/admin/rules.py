"""The rule that soft-deletes the rows of a model, for its admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgtrigger.triggers import registry
from pgtrigger.triggers.soft_delete import SoftDelete

if TYPE_CHECKING:
    from django.db.models import Model


def soft_deletion(model: type[Model]) -> SoftDelete | None:
    """Return the rule that marks a row instead of deleting it, or None."""
    declared = registry.of_model(model)
    return next((found for found in declared if isinstance(found, SoftDelete)), None)
