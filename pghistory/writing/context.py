"""The context of the changes that code makes, and events created by hand.

See Note [Transaction variables] of ``pgtrigger.session.variables``.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import connections, router, transaction
from django.utils import timezone
from psycopg import sql

from pghistory.vocabulary.constants import CONTEXT_ID, CONTEXT_METADATA
from pghistory.writing import capture, metadata
from pgtrigger import naming
from pgtrigger.session import scopes
from pgtrigger.session.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model

    F = TypeVar("F", bound=Callable[..., Any])


class _Said:
    """Metadata, checked and encoded."""

    def __init__(self, values: dict[str, Any]):
        self.values = values
        self.text = metadata.encode(values)


class OpenContext:
    """An open context, as ``with context() as opened`` returns it."""

    def __init__(self, values: dict[str, Any]):
        self.id = uuid.uuid4()
        self.metadata = values
        """All that was said so far, with what contexts inside it added."""


_context_id = Variable(CONTEXT_ID, lambda opened, alias: str(opened.id))
_context_metadata = Variable(CONTEXT_METADATA, lambda said, alias: str(said.text))


def current() -> OpenContext | None:
    """Return the open context of this thread or task."""
    found: OpenContext | None = _context_id.get()
    return found


def add(values: dict[str, Any]) -> None:
    """Add metadata to the open context; they replace those with the same keys.

    Other threads and tasks in the same context do not see them; in its row they meet.
    """
    opened = current()
    if opened is not None and values:
        said = _Said({**_context_metadata.get().values, **values})
        opened.metadata.update(values)
        scopes.change(_context_metadata, said)


def _withdraw(values: dict[str, Any], found: dict[str, Any], before: dict[str, Any]) -> None:
    """Restore the previous values, except those that were replaced in the meantime."""
    for key, value in values.items():
        if found.get(key) is not value:
            continue
        if key in before:
            found[key] = before[key]
        else:
            found.pop(key, None)


class context(scopes.Scope):
    """Attach metadata, such as the user, to the changes inside: a context manager and a decorator.

    All events of these changes, on any database, share one row of ``Context`` with the metadata::

        with pghistory.context(user=request.user.pk, reason="import"):
            ...

    Inside another context it adds its metadata to that one, until the outer one ends. A bare
    call, ``pghistory.context(key="value")``, adds to the open context, and has no effect without
    one. A decorator does not add to the context in which the function is defined.
    ``with context() as opened`` gives an ``OpenContext``.

    Outside a transaction, a SELECT of a function that writes has no context, and neither has a
    procedure that commits.

    Raises:
        MetadataError: (a ValueError) the metadata contain NaN, Infinity or NUL, which jsonb does
            not support.
        TypeError: the encoder does not support a value.
    """

    def __init__(self, /, **metadata: Any):
        self.said = _Said(metadata)
        self._joined = current()
        self._before = _context_metadata.get().values if self._joined else {}
        add(self.said.values)

    def __call__(self, func: F) -> F:
        """Decorates. Until now this was a bare call: undo what that added."""
        opened = current()
        if opened is not None and opened is self._joined:
            values = dict(_context_metadata.get().values)
            for found in (values, opened.metadata):
                _withdraw(self.said.values, found, self._before)
            scopes.change(_context_metadata, _Said(values))
        return super().__call__(func)

    def values(self) -> dict[Variable, Any]:
        if current() is not None:
            return {}
        return {_context_id: OpenContext(dict(self.said.values)), _context_metadata: self.said}

    def __enter__(self) -> OpenContext:
        add(self.said.values)
        super().__enter__()
        opened: OpenContext = _context_id.get()
        return opened


def create_event(obj: Model, *, label: str, using: str | None = None) -> Any:
    """Make an event of the object as it is in Python now, at the time of Python's clock.

    Returns:
        The event.

    Raises:
        ValueError: if no event model of the object has that label.
    """
    models = getattr(type(obj), "pgh_event_models", {})
    if label not in models:
        raise ValueError(
            f'"{label}" is not a label of {obj._meta.label}. '
            f"It has: {', '.join(sorted(models)) or 'none, because it is not tracked'}."
        )
    return _record(models[label], obj, label, using)


def _record(event_model: Any, obj: Model, label: str, using: str | None) -> Any:
    alias = using or router.db_for_write(event_model, instance=obj)
    names = {field.name: field for field in event_model._meta.local_fields}
    values = {
        field.attname: getattr(obj, field.attname)
        for name, field in names.items()
        if name in event_model.pgh_tracked_fields()
    }
    if "pgh_obj" in names and names["pgh_obj"].concrete:
        values[names["pgh_obj"].attname] = obj.pk
    if "pgh_created_at" in names:
        values["pgh_created_at"] = timezone.now()
    opened = current()
    with transaction.atomic(using=alias):
        key = opened.id if opened else None
        if opened and "pgh_context" in names and names["pgh_context"].is_relation:
            key = write_row(opened, alias)
        elif opened and "pgh_context" in names:
            values["pgh_context"] = opened.metadata
        if opened and ("pgh_context_id" in names or "pgh_context_id" in _attnames(names)):
            values["pgh_context_id"] = key
        event = event_model(pgh_label=label, **values)
        event.save(using=alias, force_insert=True)
    return event


def write_row(opened: OpenContext, alias: str) -> uuid.UUID:
    """Write the context's row, or what was added to it since, and return its key.

    In a transaction. See Note [One context row] of ``pghistory.writing.capture``.
    """
    contexts = apps.get_model("pghistory.Context")
    statement = capture.insert_context(
        naming.table_identifier(contexts._meta.db_table),
        sql.SQL("%s::pg_catalog.uuid"),
        sql.SQL("%s::pg_catalog.jsonb"),
    )
    with connections[alias].cursor() as cursor:
        cursor.execute(capture.CLAIM_CONTEXT)
        (key,) = cursor.fetchone()
        cursor.execute(str(statement), [key, metadata.encode(opened.metadata)])
    return uuid.UUID(key)


def _attnames(fields: dict[str, Any]) -> set[str]:
    return {field.attname for field in fields.values()}
