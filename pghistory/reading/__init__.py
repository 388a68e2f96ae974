"""Reading events: timelines, diffs, past states, reverts."""
