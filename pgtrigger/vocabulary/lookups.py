"""The lookups that compare with NULL.

https://docs.djangoproject.com/en/stable/ref/models/lookups/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

from django.db import models
from django.db.models.lookups import FieldGetDbPrepValueMixin, Lookup
from psycopg import sql

from pgtrigger import naming
from pgtrigger.vocabulary import comparison
from pgtrigger.vocabulary.columns import ROW_VARIABLES

if TYPE_CHECKING:
    from pgtrigger.vocabulary.columns import Rows

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


class IsDistinctFrom(FieldGetDbPrepValueMixin, _Lookup):
    """The lookup ``df``."""

    lookup_name = "df"
    prepare_rhs = True
    operator: LiteralString = "IS DISTINCT FROM"
    is_negated = False
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
        rows = getattr(compiler.query, "rows", None)
        if rows is None or self.rhs is None:
            return f"{left} {self.operator} {right}", (*left_params, *right_params)
        values = [naming.bind(left, left_params), naming.bind(right, right_params)]
        condition = self._of_rows(rows, *map(sql.SQL, values))
        # In Django's compiled SQL a "%" begins a placeholder.
        return naming.as_text(condition).replace("%", "%%"), ()

    def _of_rows(self, rows: Rows, left: sql.Composable, right: sql.Composable) -> sql.Composable:
        """Compare as a change is compared: see Note [What is a change]."""
        compared = comparison.comparison_of(self.lhs.output_field)
        by_operator = compared in comparison.BY_OPERATOR
        if by_operator and rows == ROW_VARIABLES:
            left, right = (comparison.operand(compared, each) for each in (left, right))
        elif by_operator or hasattr(self.rhs, "resolve_expression"):
            condition = comparison.distinct(compared, left, right)
            return sql.SQL("NOT ({})").format(condition) if self.is_negated else condition
        return sql.SQL("{} {} {}").format(left, sql.SQL(self.operator), right)


class IsNotDistinctFrom(IsDistinctFrom):
    """The lookup ``ndf``."""

    lookup_name = "ndf"
    operator = "IS NOT DISTINCT FROM"
    is_negated = True
