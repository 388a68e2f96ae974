"""Objects that were read in the past follow relations to the same time only.

Relations of an object, and reverse accessors, are read when they are accessed. Inside the block
they read the past. Outside they would read the present rows, so they raise an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from django.db.models.signals import post_init

from pghistory.past import state

if TYPE_CHECKING:
    from datetime import datetime


class _OfThePast(dict[str, Any]):
    """The relations that Django has already read for an object. Anything else raises."""

    def __init__(self, known: Any, time: datetime):
        super().__init__(known)
        self.time = time

    def __missing__(self, name: str) -> NoReturn:
        found = state.current()
        if found is not None and found.time == self.time:
            raise KeyError(name)  # Django reads it then, inside the state.
        raise state.PastError(
            f"{name!r} was not read: the object is from {state.text(self.time)}, and this "
            "would read today's rows. Follow relations inside `with pghistory.as_of(time)`, or use "
            "select_related() or prefetch_related()."
        )

    def __reduce__(self) -> Any:
        return (type(self), (dict(self), self.time))


def watch_instances() -> None:
    """Follow which objects are created inside a scope; until the first scope that costs nothing."""
    post_init.connect(_mark, dispatch_uid="pghistory.past")


def _mark(sender: Any, instance: Any, **kwargs: Any) -> None:
    found = state.current()
    if found is not None:
        mark(instance, found.time)


def mark(instance: Any, time: datetime) -> None:
    """Let an object follow relations to this time only."""
    instance._state.fields_cache = _OfThePast(instance._state.fields_cache, time)
    instance._prefetched_objects_cache = _OfThePast({}, time)
