"""Tracked tables for the history's tests, each tracked in the way that one of them needs."""

from django.db import models

import pghistory
import pgtrigger


@pghistory.track(
    pghistory.Snapshot("snapshot"),
    pghistory.AfterInsert("create"),
    pghistory.AfterUpdate("low_int", condition=pgtrigger.Q(new__int_field__lt=0)),
)
class Tracked(models.Model):
    int_field = models.IntegerField()
    char_field = models.CharField(max_length=64)
