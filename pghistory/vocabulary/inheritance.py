"""Find the columns of a model that inherits from models with tables.

https://docs.djangoproject.com/en/stable/topics/db/models/#multi-table-inheritance
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger.vocabulary.columns import column_identifier

if TYPE_CHECKING:
    from django.db.models import Field, Model


@dataclass(frozen=True)
class Joined:
    """A table beside the one whose row is at hand."""

    model: type[Model]
    alias: str
    child: str
    parent: str
    link: Any

    @property
    def on(self) -> tuple[sql.Composable, sql.Composable]:
        """The two columns that are equal."""
        column = sql.SQL("{}.{}")
        return (
            column.format(sql.SQL(self.child), column_identifier(self.link)),
            column.format(sql.SQL(self.parent), column_identifier(self.link.target_field)),
        )


def concrete(model: type[Model]) -> type[Model]:
    """The model that has the table: itself, or what a proxy stands for."""
    return model._meta.concrete_model or model


def tables(model: type[Model]) -> list[type[Model]]:
    """The models whose tables make up the model's rows, its own first."""
    own = concrete(model)
    parents = [concrete(parent) for parent in own._meta.get_parent_list()]
    return list(dict.fromkeys([own, *parents]))


def all_columns(model: type[Model]) -> list[Field[Any, Any]]:
    """The fields that are columns of any of the model's tables."""
    return [field for field in concrete(model)._meta.concrete_fields if field.column is not None]


def composite_key(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the fields of the model's composite primary key; empty if its key is one field.

    https://docs.djangoproject.com/en/stable/topics/composite-primary-key/
    """
    options = concrete(model)._meta
    parts = list(getattr(options, "pk_fields", ()))
    return parts if len(parts) > 1 else []


def owner(field: Field[Any, Any]) -> type[Model]:
    """The model whose table has the field's column."""
    return concrete(field.model)


def joins(model: type[Model], start: type[Model], alias: str) -> list[Joined]:
    """Return the joins from a row of one of the model's tables, named ``alias``, to the others."""
    links: list[Any] = [
        (child, parent, link)
        for child in tables(model)
        for parent, link in child._meta.parents.items()
        if link is not None
    ]
    aliases = {start: alias}
    found = []
    while len(aliases) < len(tables(model)):
        for child, parent, link in links:
            if (child in aliases) == (parent in aliases):
                continue
            added = parent if child in aliases else child
            aliases[added] = f"pghistory_table_{len(aliases)}"
            found.append(Joined(added, aliases[added], aliases[child], aliases[parent], link))
            break
    return found
