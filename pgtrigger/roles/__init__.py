"""The database roles of a project: their privileges, and attempts to get past rules."""
