"""Tell the rest of the engine which migration is running, and run its operations on triggers.

Django copies the state of every model before each operation. So operations on triggers that follow
each other run as one operation, in every migration, however old it is.
"""

from __future__ import annotations

import copy
import functools
import itertools
from typing import TYPE_CHECKING, Any

from pgtrigger.migrating.operations import TriggerOperation, TriggerOperations
from pgtrigger.triggers import historical

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from pgtrigger.triggers.historical import HistoricalTrigger

    Run = Callable[..., Any]


def applying(apply: Run) -> Run:
    """Wrap ``Migration.apply``, which changes the state it is given with each operation."""

    @functools.wraps(apply)
    def apply_known(
        migration: Migration,
        project_state: ProjectState,
        schema_editor: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        before = historical.of_state(project_state)

        def triggers() -> list[HistoricalTrigger]:
            return _distinct([*before, *historical.of_state(project_state)])

        with historical.running(triggers):
            joined = _joined(migration, schema_editor)
            return apply(joined, project_state, schema_editor, *args, **kwargs)

    return apply_known


def unapplying(unapply: Run) -> Run:
    """Wrap ``Migration.unapply``, which is given the state before the migration."""

    @functools.wraps(unapply)
    def unapply_known(
        migration: Migration,
        project_state: ProjectState,
        schema_editor: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        @functools.cache
        def triggers() -> list[HistoricalTrigger]:
            found = historical.of_state(project_state)
            state = project_state.clone()
            vars(state).pop("apps", None)  # no operation needs to render models again
            for operation in migration.operations:
                operation.state_forwards(migration.app_label, state)
                found += historical.of_state(state)
            return _distinct(found)

        with historical.running(triggers):
            joined = _joined(migration, schema_editor)
            return unapply(joined, project_state, schema_editor, *args, **kwargs)

    return unapply_known


def _joined(migration: Migration, schema_editor: Any) -> Migration:
    """Return the migration with one operation in place of several on triggers in a row.

    ``sqlmigrate`` prints each operation, so it gets the migration as it is.
    """
    if schema_editor.collect_sql:
        return migration
    operations: list[Any] = []
    for is_on_triggers, found in itertools.groupby(
        migration.operations, lambda operation: isinstance(operation, TriggerOperation)
    ):
        part: list[Any] = [*found]
        operations += [TriggerOperations(part)] if is_on_triggers and len(part) > 1 else part
    joined = copy.copy(migration)
    vars(joined)["operations"] = operations
    return joined


def _distinct(triggers: list[HistoricalTrigger]) -> list[HistoricalTrigger]:
    """Return the last trigger with each URI and each name in the database."""
    by_key = {(trigger.uri, trigger.ignore_key): trigger for trigger in triggers}
    return list(by_key.values())
