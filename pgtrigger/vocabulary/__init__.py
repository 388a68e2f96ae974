"""Clauses, conditions, columns and lookups that declarations are written in; no database."""
