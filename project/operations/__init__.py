"""What an operator asks and does: diagnosis, backup and restore."""
