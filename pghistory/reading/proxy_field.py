"""``ProxyField``: a field of an event model whose value is at the end of a path."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.expressions import Col

from pghistory.reading.event_query import DerivedTable, EventQuery, quoted

if TYPE_CHECKING:
    from django.db.models import Field, Model


class _PrivateField:
    """A field that is not a column of the table: neither migrations nor INSERT see it.

    Django copies a parent's private fields to a child as public fields; these remain private.
    """

    generated = True

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=True)  # type: ignore[misc]

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        col = super().get_col(alias, output_field)  # type: ignore[misc]
        return _ProxyCol(col.alias, col.target, col.output_field)


class _ProxyCol(Col):
    """The column of a proxy field, from the subquery or, if the event table is joined, computed."""

    target: Any

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        model, query = self.target.model, compiler.query
        table = query.alias_map.get(self.alias)
        is_derived = isinstance(table, DerivedTable) and isinstance(query, EventQuery)
        # Timelines do not have a table, so nothing joins them.
        if is_derived or not getattr(model, "pgh_tracked_model", None):
            return super().as_sql(compiler, connection)
        derived, params = EventQuery(model).table_sql(connection)
        quote = functools.partial(quoted, compiler)
        value, key = quote(self.target.column), quote(model._meta.pk.column)
        return (
            f"(SELECT pghistory_proxied.{value} FROM ({derived}) AS pghistory_proxied "
            f"WHERE pghistory_proxied.{key} = {quote(self.alias)}.{key})"
        ), params


def _private(field: Field[Any, Any]) -> Any:
    """Return a copy of the field that is private."""
    kind: Any = type(type(field).__name__, (_PrivateField, type(field)), {})
    private = kind.__new__(kind)
    vars(private).update(vars(field))
    return private


class ProxyField:
    """A field of an event model whose value is at the end of a path.

    ``ProxyField("pgh_context__metadata__user", models.ForeignKey(User, models.DO_NOTHING))`` can
    be read, filtered, ordered and joined like any foreign key. A JSON value that the field cannot
    have is NULL (before PostgreSQL 16: for integers, dates, UUIDs and booleans).
    """

    def __init__(self, proxy: str, field: Field[Any, Any]):
        self.proxy = proxy
        self.field = field

    def contribute_to_class(self, model: type[Model], name: str) -> None:
        field = _private(self.field)
        field.null = True
        if isinstance(field, models.ForeignKey):
            field.remote_field = copy.copy(field.remote_field)
            field.remote_field.field = field
            field.remote_field.on_delete = models.DO_NOTHING
            field.remote_field.related_name = "+"
            field.remote_field.related_query_name = "+"
            field.db_constraint = False  # type: ignore[attr-defined]
        field.contribute_to_class(model, name)
        inherited = getattr(model, "pgh_proxies", {})
        model.pgh_proxies = {**inherited, name: self.proxy}  # type: ignore[attr-defined]
