"""A text field whose column the database may not have yet: it is NULL until then.

The code of a project that moves from the PyPI package works before the first ``migrate``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import Col

from pghistory.reading import absent_columns

if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


class TextFieldAddedLater(_TextField):
    """In migrations it is a TextField."""

    def get_col(self, alias: Any, output_field: Any = None) -> Any:
        return _ColumnAddedLater(alias, self, output_field)

    @property
    def cached_col(self) -> Any:
        return _ColumnAddedLater(self.model._meta.db_table, self)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class _ColumnAddedLater(Col):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        absent = absent_columns.find([self.target.model], connection)
        if self.target in absent.get(self.target.model, ()):
            return "NULL::text", []
        return super().as_sql(compiler, connection)
