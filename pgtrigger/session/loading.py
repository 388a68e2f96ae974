"""Set triggers aside while a table is emptied or data is loaded that was accepted before.

https://docs.djangoproject.com/en/stable/topics/db/fixtures/
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from pgtrigger.session.ignore import ignore
from pgtrigger.triggers import registry
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pgtrigger.triggers.registry import Registered


def truncate_triggers() -> list[Registered]:
    """Return the declared triggers that fire on TRUNCATE, each with its model."""
    return [
        (model, trigger)
        for model, trigger in registry.registered()
        if clauses.Truncate in (trigger.operation or ())
    ]


def triggers_not_for_fixtures(contains: Callable[[type[Any]], bool]) -> list[Registered]:
    """Return the declared triggers that do not fire for rows of a fixture, each with its model.

    ``contains`` tells whether the fixture has rows of a model.
    """
    return [
        (model, trigger)
        for model, trigger in registry.registered()
        if not trigger.fires_for_fixture(model, contains)
    ]


@contextlib.contextmanager
def without(declared: Iterable[Registered], database: str) -> Iterator[None]:
    """Ignore these triggers; those with ``ignorable=False`` are disabled in a transaction."""
    if connections[database].vendor != "postgresql":
        yield
        return
    ignorable: list[Registered] = []
    strict: list[Registered] = []
    for model, trigger in declared:
        (ignorable if trigger.ignorable else strict).append((model, trigger))
    uris = [trigger.get_uri(model) for model, trigger in ignorable]
    with ignore(*uris, databases=[database]) if uris else contextlib.nullcontext():
        if not strict:
            yield
            return
        # A rollback enables them again, so an error needs nothing more.
        with transaction.atomic(using=database):
            tables = connections[database].introspection.table_names()
            present = [each for each in strict if each[0]._meta.db_table in tables]
            for model, trigger in present:
                trigger.disable(model, database)
            yield
            for model, trigger in present:
                trigger.enable(model, database)
