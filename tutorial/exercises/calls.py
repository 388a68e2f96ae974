"""Calls that an answer may contain: they are read as data, and made on the private tables."""

import functools
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.migrations.state import StateApps

import pghistory
from pghistory.tracking.event_models import create_event_model
from pghistory.vocabulary.field_options import ObjForeignKey


class Track:
    """The arguments of `pghistory.track()`, which are checked but declare nothing."""

    def __init__(self, *trackers: Any, **options: Any):
        self.trackers = trackers or (pghistory.InsertEvent(), pghistory.UpdateEvent())
        self.options = options

    def event_model(self, model: type[models.Model]) -> Any:
        """Return the event model that the arguments describe.

        Raises:
            ValueError: For a field that the model does not have or that cannot be masked, and for
                an age that is not a positive timedelta.
        """
        options = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in self.options.items()
        }
        return _event_model(model, **options)


@functools.lru_cache(maxsize=64)
def _event_model(model: type[models.Model], **options: Any) -> Any:
    """Return the event model of these options, in a registry of apps that nothing else uses.

    It is a model of a migration's state for the libraries, which do not register such a model.
    Its trackers are the usual ones, because those of an answer would be one more model each.
    """
    return create_event_model(
        model,
        *(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent()),
        **options,
        obj_field=ObjForeignKey(related_name="+"),
        context_field=None,
        model_name=f"{model.__name__}AnswerEvent",
        abstract=False,
        meta={"apps": StateApps([], {})},
    )


@dataclass(frozen=True)
class Erase:
    """The arguments of `pghistory.erase()`."""

    obj: models.Model
    fields: Any = ()
    metadata: Any = ("url",)
    dry_run: bool = False

    def __call__(self) -> None:
        """Erase.

        Raises:
            ValueError: The object has no key, or a field cannot be erased.
        """
        pghistory.erase(self.obj, self.fields, metadata=self.metadata, dry_run=self.dry_run)
