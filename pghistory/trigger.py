"""``Event``, at the path from which migrations and users import it."""

from pghistory.writing.event_trigger import Event

__all__ = ["Event"]
