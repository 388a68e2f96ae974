"""Event models: one table of events for each tracked model."""
