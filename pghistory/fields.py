"""The path that migrations import ``ClockTimestamp`` from."""

from pghistory.vocabulary.field_options import ClockTimestamp

__all__ = ["ClockTimestamp"]
