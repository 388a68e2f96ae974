"""Trackers, field options and constants that tracking is declared with."""
