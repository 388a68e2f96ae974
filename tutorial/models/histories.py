"""Models that are tracked completely: what they were can be read, and undone."""

from datetime import timedelta

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


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), mask=["iban"]
)
class Payee(models.Model):
    """Its history says when the IBAN was changed and by whom, and never what it is."""

    name = models.CharField(max_length=64)
    iban = models.CharField(max_length=34)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    keep=timedelta(days=365),
)
class Customer(models.Model):
    """Its events are kept for a year, and can be erased earlier."""

    name = models.CharField(max_length=64)
    city = models.CharField(max_length=64)


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), with_=["items"]
)
class Order(models.Model):
    """Its timeline also has the items that were added and removed."""

    number = models.IntegerField()


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Item(models.Model):
    """A line of an order, tracked itself."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    text = models.CharField(max_length=64)
