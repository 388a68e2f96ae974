"""``Model.history.as_of(time)`` and ``pghistory.as_of()``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db import models

from pghistory.past import completeness, inheriting, relations
from pghistory.past.scope import AsOf
from pghistory.reading import history
from pghistory.reading.event_query import ReadOnlyQuerySet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


def as_of(*args: Any, **options: Any) -> Any:
    """The past: ``as_of(time)`` for all queries of a block, ``as_of(obj, time)`` of one object.

    ``with pghistory.as_of(time)`` is also a decorator. Every query inside, also raw SQL with
    unqualified names, reads the tracked tables as they were; nothing can be written. A table that
    is not tracked raises, unless ``untracked="today"``. ``using`` is the database.

    ``as_of(obj, time)`` is the object as it was, not saved; None if it did not exist. It raises
    ValueError if the events do not tell, such as after a deletion without an event.
    """
    if len(args) == 2:
        obj, time = args
        completeness.reject_earlier(obj, time)
        found = history.as_of(obj, time, **options)
        if found is not None:
            relations.watch_instances()
            relations.mark(found, time)
        return found
    return AsOf(*args, **options)


class History:
    """The rows of a model in the past."""

    def __init__(self, model: Any):
        self.model = model

    def as_of(self, time: datetime) -> models.QuerySet[Any]:
        """Return the objects of the model as they were at that time: a queryset like any other.

        Rows that disappeared without an event are shown in their last known state. See Note [What
        events say].

        Raises:
            ValueError: The events do not record the past: they leave fields out, or not every
                insert and update writes one.
        """
        history.witness(self.model)
        query = PastQuery(self.model)
        query.scope = functools.partial(AsOf, time)
        return PastQuerySet(self.model, query=query)


class PastQuery(models.sql.Query):
    """A query that is executed in the past, with everything that it joins."""

    join_class = inheriting.PastJoin
    scope: Callable[..., AsOf]
    """Gives the point in time on a database, ``using``."""

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> Any:
        compiler = super().get_compiler(using, connection, elide_empty)
        alias = using or connection.alias
        execute = compiler.execute_sql
        # As attributes of this compiler: Django chooses its class by the kind of statement.
        compiler.execute_sql = self.scope(using=alias)(execute)
        return compiler


class PastQuerySet(ReadOnlyQuerySet):
    """Objects of a model as they were, to be read only."""

    query: Any
    read_only_reason = "{} as it was cannot be changed: change it as it is."

    def _fetch_all(self) -> None:
        # Objects are created and relations prefetched here, in the past too.
        with self.query.scope(using=self.db):
            super()._fetch_all()

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        with self.query.scope(using=self.db):
            found = list(super().iterator(chunk_size))
        return iter(found)
