"""Models that are tracked completely: what they were can be read, and undone."""

from django.db import models

import pghistory


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Product(models.Model):
    """Its price changes. What it was is in its events."""

    name = models.CharField(max_length=64)
    price = models.IntegerField()


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Sale(models.Model):
    """Tracked like its product, so the two can be joined at any time."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    quantity = models.IntegerField()


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.ManualEvent("logged_in"),
    exclude=["password"],
)
class Account(models.Model):
    """The password is in no event, and each login is one."""

    email = models.EmailField()
    password = models.CharField(max_length=128)
