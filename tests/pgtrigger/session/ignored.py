"""Attempts that say whether a rule is ignored at this point."""

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import atomic

import pgtrigger
from tests.pgtrigger.models import Protected


def is_deleted():
    """Return whether the rule against deleting lets a row be deleted here."""
    with atomic():
        Protected.objects.create()
    try:
        with atomic():
            Protected.objects.all().delete()
    except pgtrigger.ProtectedError:
        return False
    return True


def is_negated():
    """Return whether the rule against negative numbers lets one be written here."""
    Protected.objects.create()
    try:
        with atomic():
            Protected.objects.update(number=-1)
    except pgtrigger.ProtectedError:
        return False
    return True


def current(setting, using=DEFAULT_DB_ALIAS):
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting(%s, true)", [setting])
        return cursor.fetchone()[0] or ""
