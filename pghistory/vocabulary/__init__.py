"""The words in which tracking is declared: trackers, field options, constants."""
