"""Tells the rest of the engine which migration is running."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pgtrigger.triggers import historical

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState

    from pgtrigger.triggers.historical import HistoricalTrigger

    Run = Callable[..., Any]


def applying(apply: Run) -> Run:
    """``Migration.apply``, which changes the state it is given with each operation."""

    @functools.wraps(apply)
    def apply_known(
        migration: Migration, project_state: ProjectState, *args: Any, **kwargs: Any
    ) -> Any:
        before = historical.of_state(project_state)

        def triggers() -> list[HistoricalTrigger]:
            return _distinct([*before, *historical.of_state(project_state)])

        with historical.running(triggers):
            return apply(migration, project_state, *args, **kwargs)

    return apply_known


def unapplying(unapply: Run) -> Run:
    """``Migration.unapply``, which is given the state before the migration."""

    @functools.wraps(unapply)
    def unapply_known(
        migration: Migration, project_state: ProjectState, *args: Any, **kwargs: Any
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
            return unapply(migration, project_state, *args, **kwargs)

    return unapply_known


def _distinct(triggers: list[HistoricalTrigger]) -> list[HistoricalTrigger]:
    """The last one of each URI and name in the database."""
    by_key = {(trigger.uri, trigger.ignore_key): trigger for trigger in triggers}
    return list(by_key.values())
