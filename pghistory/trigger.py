"""The path that migrations and public code import ``Event`` from."""

from pghistory.writing.event_trigger import Event

__all__ = ["Event"]
