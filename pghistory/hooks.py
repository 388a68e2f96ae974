"""All hooks into Django's internals. Each is idempotent and documents why it is needed."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED
from django.db.models.signals import class_prepared
from django.http import HttpRequest
from psycopg import sql

from pghistory.keeping import partitions
from pghistory.past.querysets import History
from pghistory.reading import absent_columns, partition_ends
from pghistory.tracking import event_models, rendering
from pghistory.vocabulary.transaction_fields import AddedWithoutDefault
from pghistory.writing import context

MIDDLEWARE = "_pghistory_middleware"


def before_models_load() -> None:
    """Prepare each event model as soon as its class exists, also those declared in models.py."""
    class_prepared.connect(event_models.prepare, dispatch_uid="pghistory.event_models")
    class_prepared.connect(_attach_history, dispatch_uid="pghistory.history")
    absent_columns.watch_migrations()
    partition_ends.watch_migrations()


def extend_schema_editors() -> None:
    """Add columns without a default that is meant for new rows only, and set it afterwards.

    ``AddField`` gives the default to existing rows, and a field cannot prevent that.
    Indexes that are built concurrently are built on each partition.
    """
    for alias in connections:
        backend = type(connections[alias])
        editor = backend.SchemaEditorClass
        if backend.vendor != "postgresql" or editor is None:
            continue
        if not issubclass(editor, _AddingWithoutDefault):
            bases = (_AddingWithoutDefault, _IndexingPartitions, editor)
            backend.SchemaEditorClass = type(editor.__name__, bases, {})


class _IndexingPartitions:
    """Django's schema editor on indexes that are built and dropped concurrently.

    PostgreSQL builds no such index on a partitioned table, but on each of its partitions. It does
    not drop an index of a partitioned table concurrently.

    https://www.postgresql.org/docs/current/ddl-partitioning.html#DDL-PARTITIONING-DECLARATIVE-MAINTENANCE
    """

    def remove_index(self, model: Any, index: Any, concurrently: bool = False) -> None:
        concurrently = concurrently and self._partitions(model) is None
        super().remove_index(model, index, concurrently=concurrently)  # type: ignore[misc]

    def _partitions(self, model: Any) -> Any:
        editor: Any = self
        if editor.collect_sql:
            return None
        return partitions.read(model._meta.db_table, editor.connection.alias)

    def add_index(self, model: Any, index: Any, concurrently: bool = False) -> None:
        editor: Any = self
        found = self._partitions(model) if concurrently else None
        if found is None:
            super().add_index(model, index, concurrently=concurrently)  # type: ignore[misc]
            return
        # The index of the whole table is valid as soon as each partition has its part of it.
        whole = index.create_sql(model, editor)
        whole.parts["table"] = f"ONLY {whole.parts['table']}"
        editor.execute(whole, params=None)
        for partition in found.all:
            part = index.create_sql(model, editor, concurrently=True)
            name = sql.Identifier(partitions.name(f"{partition.name}_{index.name}", "idx"))
            part.parts |= {
                "name": name.as_string(),
                "table": partition.identifier.as_string(),
            }
            editor.execute(part, params=None)
            attach = sql.SQL("ALTER INDEX {} ATTACH PARTITION {}")
            editor.execute(attach.format(sql.Identifier(index.name), name).as_string())


def render_new_models_alone() -> None:
    """Django renders all event models again for each new one, and offers no way to avoid that."""
    if not hasattr(ProjectState.add_model, "__wrapped__"):
        ProjectState.add_model = rendering.rendering_alone(  # type: ignore[method-assign,assignment]
            ProjectState.add_model
        )


class _AddingWithoutDefault:
    """Django's schema editor on fields whose default is for new rows only."""

    def add_field(self, model: Any, field: Any) -> None:
        if not isinstance(field, AddedWithoutDefault):
            super().add_field(model, field)  # type: ignore[misc]
            return
        bare = _without_default(field, model)
        super().add_field(model, bare)  # type: ignore[misc]
        self.alter_field(model, bare, field)  # type: ignore[attr-defined]


def _without_default(field: Any, model: Any) -> Any:
    bare = field.clone()
    bare.db_default = NOT_PROVIDED
    bare.set_attributes_from_name(field.name)
    bare.model = model
    return bare


def watch_request_user() -> None:
    """Update the open context when ``request.user`` is assigned.

    Token authentication and logins assign it while a request is served, and Django sends no
    signal for that.
    """
    HttpRequest.user = _WatchedUser()  # type: ignore[assignment]


def _attach_history(sender: Any, **kwargs: Any) -> None:
    """Give a tracked model its ``history``, unless it has an attribute of that name."""
    tracked = getattr(sender, "pgh_tracked_model", None)
    if tracked is not None and isinstance(getattr(tracked, "history", None), History | None):
        tracked.history = History(tracked)


class _WatchedUser:
    """A descriptor for ``HttpRequest.user`` that updates the open context on assignment."""

    def __get__(self, request: HttpRequest | None, owner: type[HttpRequest]) -> Any:
        if request is None:
            return self
        try:
            return request.__dict__["user"]
        except KeyError:
            raise AttributeError(f"'{owner.__name__}' object has no attribute 'user'") from None

    def __set__(self, request: HttpRequest, user: Any) -> None:
        request.__dict__["user"] = user
        middleware = request.__dict__.get(MIDDLEWARE)
        if middleware is not None:
            metadata = middleware.get_context(request)
            # Keep the user's id after logout: the earlier changes are still theirs.
            context.add({key: value for key, value in metadata.items() if value is not None})

    def __delete__(self, request: HttpRequest) -> None:
        del request.__dict__["user"]
