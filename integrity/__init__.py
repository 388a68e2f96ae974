"""Constraints that are checked when you say so, and integrity errors that say what went wrong.

It reads only what PostgreSQL reports of an error (SQLSTATE, schema, table, column, constraint) and
its catalog, never the text of a message.
"""
