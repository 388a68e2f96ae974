"""Objects that were read in the past follow relations to the same time only.

Relations of an object, and reverse accessors, are read when they are accessed. Inside the block
they read the past. Outside they would read the present rows, so they raise an error, unless the
scope reads them in the past then (``AsOf.reads``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.signals import post_init

from pghistory.past import state

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    # What reads a relation of an object: the object and the name of the relation.
    Read = Callable[[Any, str], Any]


class _OfThePast(dict[str, Any]):
    """The relations that Django has already read for an object. Anything else raises, or is read
    in the past by ``read``.
    """

    def __init__(self, known: Any, time: datetime, instance: Any = None, read: Read | None = None):
        super().__init__(known)
        self.time = time
        self.instance = instance
        self.read = read
        self.is_reading = False

    def __missing__(self, name: str) -> Any:
        found = state.current()
        if self.is_reading or (found is not None and found.time == self.time):
            raise KeyError(name)  # Django reads it then, inside the state.
        if self.read is None:
            raise state.PastError(
                f"{name!r} was not read: the object is from {state.text(self.time)}, and this "
                "would read today's rows. Follow relations inside `with pghistory.as_of(time)`, or "
                "use select_related() or prefetch_related()."
            )
        self.is_reading = True
        try:
            return self.read(self.instance, name)
        finally:
            self.is_reading = False

    def __reduce__(self) -> Any:
        return (type(self), (dict(self), self.time))


def watch_instances() -> None:
    """Mark the objects that are created inside a scope, at no cost before the first scope."""
    post_init.connect(_mark, dispatch_uid="pghistory.past")


def _mark(sender: Any, instance: Any, **kwargs: Any) -> None:
    found = state.current()
    if found is not None:
        mark(instance, found.time, found.reads)


def mark(instance: Any, time: datetime, reads: tuple[Read, Read] | None = None) -> None:
    """Limit an object's relations to this time; ``reads`` read one related object, and several."""
    one, several = reads or (None, None)
    known = instance._state.fields_cache
    instance._state.fields_cache = _OfThePast(known, time, instance, one)
    instance._prefetched_objects_cache = _OfThePast({}, time, instance, several)
