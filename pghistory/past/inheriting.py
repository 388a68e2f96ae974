"""Parents' tables of models with multi-table inheritance, as the child's events hold them.

A parent that is tracked has a view. One that is not has a view for each tracked child, with the
child's rows only, which takes the parent's place where a query joins it through the child's link.

https://docs.djangoproject.com/en/stable/topics/db/models/#multi-table-inheritance
"""

from __future__ import annotations

import copy
from typing import Any

from django.db.models.sql import datastructures

from pghistory.reading import history
from pghistory.vocabulary import inheritance
from pghistory.writing import event_trigger


def view_name(child: Any, parent: Any) -> str:
    """The name of the view that shows the parents' rows of one child."""
    tables = f"{child._meta.db_table}__{parent._meta.db_table}"
    return event_trigger.with_digest(tables, of=tables)


def is_told(model: Any) -> bool:
    """Return whether the events of the model say what its rows were."""
    try:
        history.witness(model)
    except ValueError:
        return False
    return True


class PastJoin(datastructures.Join):
    """A join of a query in the past."""

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        root = _root(self, compiler.query)
        if root is not None and is_told(root):
            field: Any = self.join_field
            parent = field.remote_field.model
            if not is_told(parent):
                shown = copy.copy(self)
                shown.table_name = view_name(inheritance.concrete(root), parent)
                return datastructures.Join.as_sql(shown, compiler, connection)
        return super().as_sql(compiler, connection)

    @classmethod
    def of(cls, join: Any) -> Any:
        """Return the join as one of a query in the past."""
        if type(join) is not datastructures.Join:
            return join
        found = copy.copy(join)
        found.__class__ = cls
        return found


def _root(join: Any, query: Any) -> Any:
    """The child whose link to its parent, or grandparent, the join follows; None for others."""
    root = None
    while _is_parent_link(join):
        root = join.join_field.model
        join = query.alias_map.get(join.parent_alias)
    return root


def _is_parent_link(join: Any) -> bool:
    field: Any = getattr(join, "join_field", None)
    if not getattr(field, "concrete", False):
        return False
    return bool(getattr(field.remote_field, "parent_link", False))
