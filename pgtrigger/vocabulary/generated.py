"""The expression of a virtual generated column, for a row of a trigger.

https://docs.djangoproject.com/en/stable/ref/models/fields/#generatedfield
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.expressions import Col
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from psycopg import sql

from pgtrigger import naming

if TYPE_CHECKING:
    from django.db.models import Field


class _RowCompiler(SQLCompiler):
    """Compiles an expression over columns of a row that is not a row of a table."""

    alias: str

    def compile(self, node: Any) -> tuple[str, Any]:
        if not isinstance(node, Col):
            return super().compile(node)
        column = sql.SQL("{}.{}").format(
            sql.SQL(self.alias), sql.Identifier(str(node.target.column))
        )
        # In Django's compiled SQL a "%" begins a placeholder.
        return column.as_string().replace("%", "%%"), ()


def expression(field: Field[Any, Any], alias: str, connection: Any) -> sql.Composable:
    """Return what PostgreSQL computes for the field in a row that is called ``alias``."""
    generated: Any = field
    query = Query(field.model, alias_cols=False)
    compiler = _RowCompiler(query, connection, None)
    compiler.alias = alias
    resolved = generated.expression.resolve_expression(query, allow_joins=False)
    text = naming.bind(*compiler.compile(resolved))
    return sql.SQL("({})::{}").format(sql.SQL(text), sql.SQL(str(field.db_type(connection))))
