"""The path that migrations import ``ClockTimestamp`` and ``SessionUser`` from."""

from pghistory.vocabulary.field_options import ClockTimestamp, SessionUser

__all__ = ["ClockTimestamp", "SessionUser"]
