"""Helpers for the tests of several packages."""

from django.db import transaction

# Django 6.1 renames it.
savepoint_create = getattr(transaction, "savepoint_create", transaction.savepoint)
