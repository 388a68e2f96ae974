"""Orders and their lines: rules at both levels, history at both levels, counts and limits.

``LEDGER_RELEASE=2`` is the next release of the app: one rule is declared differently.
"""

import os

from django.db import models

import pghistory
import pgtrigger

SEATS = 20
RELEASE = int(os.environ.get("LEDGER_RELEASE", "1"))


class Account(models.Model):
    """A parent that all writers write to at the same time."""

    orders_count = models.IntegerField(default=0)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    level=pgtrigger.Row,
    append_only=True,
)
class Order(models.Model):
    """An order that one writer made in one step."""

    account = models.ForeignKey(Account, models.PROTECT)
    writer = models.IntegerField()
    step = models.IntegerField()
    status = models.CharField(max_length=8, default="draft")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["writer", "step"], name="one_order")]
        triggers = [
            pgtrigger.Protect(name="keep", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="maker_is_final", fields=["writer", "step"]),
            pgtrigger.FSM(
                name="flow",
                field="status",
                transitions=[("draft", "paid")] + [("paid", "shipped")] * (RELEASE > 1),
            ),
            pgtrigger.Count("account.orders_count"),
        ]


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    level=pgtrigger.Statement,
    append_only=True,
)
class Line(models.Model):
    """A line of an order, written by statements that touch several rows."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    number = models.IntegerField()
    quantity = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.ReadOnly(name="order_is_final", fields=["order"], level=pgtrigger.Statement)
        ]


class Seat(models.Model):
    """A row of which an account has at most so many."""

    account = models.ForeignKey(Account, models.CASCADE)

    class Meta:
        triggers = [pgtrigger.AtMost(SEATS, per="account")]


class EveryKind(models.Model):
    """A column of each kind, for conditions that are made at random."""

    whole = models.IntegerField(null=True)
    real = models.FloatField(null=True)
    exact = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    short = models.CharField(max_length=16, null=True)  # noqa: DJ001
    long = models.TextField(default="")
    true = models.BooleanField(null=True)
    day = models.DateField(null=True)
    moment = models.DateTimeField(null=True)
    period = models.DurationField(null=True)
    data = models.JSONField(null=True)
    key = models.UUIDField(null=True)
