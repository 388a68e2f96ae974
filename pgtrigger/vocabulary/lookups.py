"""The lookups that compare with NULL.

https://docs.djangoproject.com/en/stable/ref/models/lookups/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.lookups import FieldGetDbPrepValueMixin, Lookup
from psycopg import sql

from pgtrigger import naming

if TYPE_CHECKING:
    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


class IsDistinctFrom(FieldGetDbPrepValueMixin, _Lookup):
    """The lookup ``df``."""

    lookup_name = "df"
    prepare_rhs = True
    operator = sql.SQL("IS DISTINCT FROM")
    can_use_none_as_rhs = True

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, models.Model):
            self.rhs = self.rhs.pk
        return super().get_prep_lookup()

    def process_rhs(self, compiler: Any, connection: Any) -> Any:
        # None is NULL for a JSON field, too, which would make the JSON null of it.
        return ("NULL", ()) if self.rhs is None else super().process_rhs(compiler, connection)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_params = self.process_lhs(compiler, connection)
        right, right_params = self.process_rhs(compiler, connection)
        return f"{left} {naming.as_text(self.operator)} {right}", (*left_params, *right_params)


class IsNotDistinctFrom(IsDistinctFrom):
    """The lookup ``ndf``."""

    lookup_name = "ndf"
    operator = sql.SQL("IS NOT DISTINCT FROM")
