"""Triggers in migrations: operations, autodetector, schema editor."""
