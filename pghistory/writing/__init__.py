"""Writing events: the trigger, its function, and the context of a change."""
