"""Migration operations of the history engine.

https://docs.djangoproject.com/en/stable/ref/migration-operations/#writing-your-own
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from django.apps import apps as project_apps
from django.db import NotSupportedError, router
from django.db.migrations.operations import DeleteModel
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.operations.models import IndexOperation

from pghistory.keeping import backfill, partitioning

if TYPE_CHECKING:
    from django.db.migrations.state import ProjectState


class _EventTableOperation(Operation):
    """An operation on the rows or the partitions of an event table. It changes no model."""

    reduces_to_sql = False
    model_name: str

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state of the models as it is."""

    def database_backwards(self, *args: Any, **kwargs: Any) -> None:
        """Change nothing: what the operation wrote stays."""

    def references_model(self, name: str, app_label: str) -> bool:
        return True

    def _event_model(self, app_label: str, state: ProjectState, connection: Any) -> Any:
        """Return the declared event model; None if there is nothing to do in this database.

        That is so if the routers do not allow its table in this database, or if the model has been
        renamed or removed since the migration was written. In the second case, it is assumed that
        only a new database, which has no rows, still runs the migration.
        """
        try:
            declared = project_apps.get_model(app_label, self.model_name)
        except LookupError:
            return None
        if getattr(declared, "pgh_tracked_model", None) is None:
            raise ValueError(
                f"{type(self).__name__}: {declared._meta.label} is not an event model. "
                f"Name the event model, such as {declared.__name__}Event."
            )
        if connection.vendor != "postgresql":
            return None
        allowed = router.allow_migrate_model(connection.alias, declared)
        return declared if allowed else None

    def _reject_transaction(self, schema_editor: Any) -> None:
        if schema_editor.connection.in_atomic_block:
            raise NotSupportedError(
                f"{type(self).__name__}({self.model_name!r}) commits by itself: "
                "set `atomic = False` in the migration."
            )


class Backfill(_EventTableOperation):
    """Write a first event for each row without events, as ``manage.py pghistory backfill`` does.

    Args:
        model_name: The event model.
        label: The label of the events; by default the label of the first tracker that writes an
            event for each insert.
        batch: The number of rows in one transaction.
        elidable: Whether ``squashmigrations`` leaves the operation out, as with ``RunPython``.

    The migration needs ``atomic = False``.
    """

    category = OperationCategory.PYTHON

    def __init__(
        self,
        model_name: str,
        label: str | None = None,
        batch: int = 10_000,
        elidable: bool = False,
    ):
        self.model_name = model_name
        self.label = label
        self.batch = batch
        self.elidable = elidable  # type: ignore[misc]  # as RunPython does

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {"model_name": self.model_name}
        if self.label:
            kwargs["label"] = self.label
        kwargs["batch"] = self.batch
        if self.elidable:
            kwargs["elidable"] = True
        return type(self).__qualname__, [], kwargs

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        connection = schema_editor.connection
        event_model = self._event_model(app_label, to_state, connection)
        if event_model is None or schema_editor.collect_sql:
            return
        self._reject_transaction(schema_editor)
        declared = backfill.of_event_model(
            event_model, label=self.label, using=connection.alias, batch=self.batch
        )
        # Use the columns of the migration's state, as its triggers do.
        historical = to_state.apps
        tracked = declared.tracked_model._meta
        dataclasses.replace(
            declared,
            event_model=historical.get_model(app_label, self.model_name),
            tracked_model=historical.get_model(tracked.app_label, tracked.object_name),
        ).run()

    def describe(self) -> str:
        return f"Write first events of {self.model_name}"


class Partition(_EventTableOperation):
    """Turn an event table into a table that is partitioned by ranges of ``pgh_id``.

    The existing table becomes the first partition; its events are not copied. ``manage.py pghistory
    partition`` creates and removes partitions later. The reverse operation copies the events of all
    other partitions into the first one.

    Args:
        model_name: The event model.
        every: The number of events in one partition.

    If the table has events, the migration needs ``atomic = False``, because it uses several
    transactions: PostgreSQL reads all events in one of them, and the table is locked only in a
    later one. ``squashmigrations`` moves operations on other models past this operation, and leaves
    this operation out if the event model is deleted later.

    https://www.postgresql.org/docs/current/ddl-partitioning.html
    """

    category = OperationCategory.ALTERATION
    is_of_schema = True

    def __init__(self, model_name: str, every: int):
        if not isinstance(every, int) or every < 1:
            raise ValueError(f"Partition(every={every!r}): expected a number of events.")
        self.model_name = model_name
        self.every = every

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs = {"model_name": self.model_name, "every": self.every}
        return type(self).__qualname__, [], kwargs

    def references_model(self, name: str, app_label: str) -> bool:
        return name.lower() == self.model_name.lower()

    def reduce(self, operation: Operation, app_label: str) -> bool | list[Operation]:
        """Combine this operation with a later one in ``squashmigrations``.

        https://docs.djangoproject.com/en/stable/topics/migrations/#migration-squashing
        """
        if isinstance(operation, DeleteModel) and self.references_model(operation.name, app_label):
            return [operation]
        # Operations on columns and indexes can be moved past this operation, because they have the
        # same effect on a plain table and on a partitioned one.
        return (
            super().reduce(operation, app_label)
            or isinstance(operation, FieldOperation | IndexOperation)
            or not operation.references_model(self.model_name, app_label)
        )

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        event_model = self._of_state(app_label, schema_editor, to_state)
        if event_model is None:
            return
        if event_model._base_manager.using(schema_editor.connection.alias).exists():
            self._reject_transaction(schema_editor)
        partitioning.convert(event_model, self.every, schema_editor.connection.alias)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        event_model = self._of_state(app_label, schema_editor, from_state)
        if event_model is not None:
            partitioning.restore(event_model, schema_editor.connection.alias)

    def _of_state(self, app_label: str, schema_editor: Any, state: ProjectState) -> Any:
        """Return the event model of the migration's state; None if there is nothing to do."""
        connection = schema_editor.connection
        event_model = state.apps.get_model(app_label, self.model_name)
        if event_model._meta.pk.name != "pgh_id":
            raise ValueError(
                f"Partition({self.model_name!r}): found a model without pgh_id, expected an event "
                f"model, such as {self.model_name}Event."
            )
        if connection.vendor != "postgresql" or schema_editor.collect_sql:
            return None
        allowed = router.allow_migrate_model(connection.alias, event_model)
        return event_model if allowed else None

    def describe(self) -> str:
        return f"Partition {self.model_name} every {self.every} events"
