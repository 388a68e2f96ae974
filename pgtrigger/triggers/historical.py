"""The triggers of the migration that is running, by URI.

Code in a ``RunPython`` names rules that may have been renamed, moved to another table, changed or
removed since it was written. While a migration runs, the triggers of its state count, not only
those that are declared now, and a URI that neither has stands for no trigger.

https://docs.djangoproject.com/en/stable/ref/migration-operations/#runpython
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import router

from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.migrations.state import ProjectState
    from django.db.models import Model

    from pgtrigger.compiler import Trigger as CompiledTrigger


@dataclass(frozen=True)
class HistoricalTrigger:
    """A compiled trigger of a migration's state, with the URI it has there."""

    uri: str
    compiled: CompiledTrigger

    @property
    def ignore_key(self) -> str:
        """The key that the trigger's function compares with the setting ``pgtrigger.ignore``."""
        return naming.ignore_key(self.compiled.table, self.compiled.pgid)

    def is_of(self, model: type[Model]) -> bool:
        """Return whether it is a trigger of the model or of its table."""
        label = self.uri.partition(":")[0]
        return label == model._meta.label or self.compiled.table == model._meta.db_table

    def allow_migrate(self, database: str) -> bool:
        """Return whether the routers allow its model on that database."""
        app_label, model_name = self.uri.partition(":")[0].split(".")
        return bool(router.allow_migrate(database, app_label, model_name=model_name.lower()))


_triggers: ContextVar[Callable[[], list[HistoricalTrigger]] | None] = ContextVar(
    "triggers of the running migration", default=None
)


@contextlib.contextmanager
def running(triggers: Callable[[], list[HistoricalTrigger]]) -> Iterator[None]:
    """While a migration runs: ``triggers`` returns those of its state."""
    token = _triggers.set(triggers)
    try:
        yield
    finally:
        _triggers.reset(token)


def is_running() -> bool:
    """Return whether a migration is running in this thread or task."""
    return _triggers.get() is not None


def triggers() -> list[HistoricalTrigger]:
    """Return the triggers of the running migration; empty outside a migration."""
    of_migration = _triggers.get()
    return of_migration() if of_migration else []


def find(uri: str) -> list[HistoricalTrigger]:
    """The triggers that the URI stands for in the migration that is running.

    They are several if the migration itself changes the table or the trigger, the latest one last.
    """
    return [trigger for trigger in triggers() if trigger.uri == uri]


def of_model(model: type[Model]) -> list[HistoricalTrigger]:
    """The triggers of the model's table in the migration that is running."""
    return [trigger for trigger in triggers() if trigger.is_of(model)]


def of_state(state: ProjectState) -> list[HistoricalTrigger]:
    """The triggers in a state of migrations."""
    models: dict[tuple[str, str], Any] = state.models
    return [
        HistoricalTrigger(f"{app_label}.{model.name}:{trigger.name}", trigger)
        for (app_label, _), model in models.items()
        for trigger in model.options.get("triggers", ())
    ]
