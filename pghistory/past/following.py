"""Objects of the past that can also read their relations after the block of ``as_of()``.

The relations are read as of the same time as the objects. The admin needs this: it reads the
objects inside the block, and renders the page after it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db.models.fields.related_descriptors import ReverseOneToOneDescriptor

from pghistory.past import inheriting
from pghistory.past.querysets import PastQuery, PastQuerySet
from pghistory.past.scope import AsOf

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet


class Following(AsOf):
    """Like ``as_of()``, but its objects can also read relations after the block.

    The relations are read as of the time of the block.
    """

    def __init__(self, time: datetime, *, using: str):
        super().__init__(time, untracked="today", using=using)
        self.reads = (self._one, self._several)

    def _one(self, instance: Any, name: str) -> Any:
        """Read the relation as Django's descriptors do, from rows of the past."""
        descriptor: Any = getattr(type(instance), _accessor(instance, name))
        found = self.queryset(descriptor.get_queryset(instance=instance))
        if isinstance(descriptor, ReverseOneToOneDescriptor):
            chosen = descriptor.related.field.get_forward_related_filter(instance)
            return found.get(**chosen)
        field = descriptor.field
        if None in field.get_local_related_value(instance):
            return None
        return found.get(field.get_reverse_related_filter(instance))

    def _several(self, instance: Any, name: str) -> Any:
        found = getattr(instance, _accessor(instance, name)).get_queryset()
        return self.queryset(found)

    def queryset(self, found: QuerySet[Any]) -> QuerySet[Any]:
        """Return a copy of the queryset that reads the rows as they were."""
        query: Any = found.query.chain(PastQuery)
        query.alias_map = {
            alias: inheriting.PastJoin.of(join) for alias, join in query.alias_map.items()
        }
        query.scope = functools.partial(Following, self.time)
        return PastQuerySet(found.model, query=query, using=self.using)


def _accessor(instance: Any, name: str) -> str:
    """Return the name of the attribute that reads a relation.

    ``name`` is the relation's name in Django's cache of related objects.
    """
    for field in instance._meta.get_fields():
        if not field.auto_created or field.concrete:
            if field.name == name:
                return name
            continue
        accessor = field.get_accessor_name()
        kept = field.field.related_query_name() if field.many_to_many else field.cache_name
        if accessor and kept == name:
            return str(accessor)
    return name
