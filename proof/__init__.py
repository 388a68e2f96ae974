"""Runs that show what the README claims: ``python -m proof``."""
