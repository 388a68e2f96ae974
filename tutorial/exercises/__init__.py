"""Exercises: a declaration is typed, installed on private tables, and judged by writes."""
