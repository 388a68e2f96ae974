"""The columns of an event that say which transaction wrote it.

If a column is added with a default, every existing row gets the migration's transaction, because
PostgreSQL evaluates a STABLE default once. So the schema editor adds such a column without its
default, and sets the default afterwards (``AddedWithoutDefault``).

https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import Func
from django.utils.deconstruct import deconstructible

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Field = models.Field[Any, Any]
    _DateTimeField = models.DateTimeField[Any, Any]
else:
    _Field = models.Field
    _DateTimeField = models.DateTimeField


class AddedWithoutDefault:
    """A field whose default is for new rows only."""


class TransactionIdField(AddedWithoutDefault, _Field):
    """A transaction's 64-bit id, an int in Python.

    https://www.postgresql.org/docs/current/datatype-oid.html
    """

    __module__ = "pghistory.fields"  # migrations import it from there
    description = "Transaction id"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        # xid8 has no cast from integers, but any text of digits is one.
        return str(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> int | None:
        return None if value is None else int(value)


class TransactionTimeField(AddedWithoutDefault, _DateTimeField):
    """The time at which a transaction began."""

    __module__ = "pghistory.fields"


@deconstructible(path="pghistory.fields.CurrentTransaction")
class CurrentTransaction(Func):
    """The id of the transaction that is open."""

    template = "pg_catalog.pg_current_xact_id()"
    arity = 0
    output_field = TransactionIdField()


@deconstructible(path="pghistory.fields.TransactionStart")
class TransactionStart(Func):
    """The time at which the transaction that is open began."""

    template = "pg_catalog.now()"
    arity = 0
    output_field = models.DateTimeField()
