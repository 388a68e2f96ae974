"""Commands for operators: diagnosis, backup and restore."""
