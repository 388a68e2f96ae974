"""Event models: a table of events for each tracked model."""
