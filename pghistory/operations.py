"""Migration operations of the history engine.

https://docs.djangoproject.com/en/stable/ref/migration-operations/#writing-your-own
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from django.apps import apps as project_apps
from django.db import NotSupportedError, router
from django.db.migrations.operations.base import Operation, OperationCategory

from pghistory.keeping import backfill

if TYPE_CHECKING:
    from django.db.migrations.state import ProjectState


class _EventTableOperation(Operation):
    """An operation on the rows or the partitions of an event table; no model changes."""

    reduces_to_sql = False
    model_name: str

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Leave the state of the models as it is."""

    def database_backwards(self, *args: Any, **kwargs: Any) -> None:
        """Keep what was done."""

    def references_model(self, name: str, app_label: str) -> bool:
        return True

    def _event_model(self, app_label: str, state: ProjectState, connection: Any) -> Any:
        """The declared event model, None if the database does not have its table."""
        declared = project_apps.get_model(app_label, self.model_name)
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
        label: The label of the events, by default that of the tracker of inserts.
        batch: The rows of one transaction.

    The migration needs ``atomic = False``.
    """

    category = OperationCategory.PYTHON

    def __init__(self, model_name: str, label: str | None = None, batch: int = 10_000):
        self.model_name = model_name
        self.label = label
        self.batch = batch

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {"model_name": self.model_name}
        if self.label:
            kwargs["label"] = self.label
        return type(self).__qualname__, [], {**kwargs, "batch": self.batch}

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
        # The columns of this point of the migrations, as the triggers have them.
        historical = to_state.apps
        tracked = declared.tracked_model._meta
        dataclasses.replace(
            declared,
            event_model=historical.get_model(app_label, self.model_name),
            tracked_model=historical.get_model(tracked.app_label, tracked.object_name),
        ).run()

    def describe(self) -> str:
        return f"Write first events of {self.model_name}"
