"""The triggers of the migration that is running, by URI.

The code of a ``RunPython`` names rules by URI, and a rule may have been renamed, moved to another
table, changed or removed since. So while a migration runs, a URI is looked up in the migration's
state and in the current declarations. A URI that is in neither has no effect; outside a migration
it would raise KeyError.

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
    """Mark a migration as running inside the block; ``triggers()`` returns its triggers."""
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
    """Return the triggers with this URI in the running migration.

    There are several if the migration changes the trigger's table or its name in the database: one
    from before the change and one from after it. The latest is last.
    """
    return [trigger for trigger in triggers() if trigger.uri == uri]


def of_model(model: type[Model]) -> list[HistoricalTrigger]:
    """Return the triggers of the model or its table in the running migration."""
    return [trigger for trigger in triggers() if trigger.is_of(model)]


def of_state(state: ProjectState) -> list[HistoricalTrigger]:
    """Return the triggers of all models in a project state."""
    models: dict[tuple[str, str], Any] = state.models
    return [
        HistoricalTrigger(f"{app_label}.{model.name}:{trigger.name}", trigger)
        for (app_label, _), model in models.items()
        for trigger in model.options.get("triggers", ())
    ]
