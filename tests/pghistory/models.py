"""Tracked tables for the history's tests, each tracked in the way that one of them needs."""

import uuid

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


class Author(models.Model):
    name = models.CharField(max_length=32, unique=True)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Book(models.Model):
    """Fields of every kind that an event copies differently."""

    title = models.CharField(max_length=64, unique=True)
    author = models.ForeignKey(Author, models.CASCADE, null=True, related_name="books")
    twin = models.OneToOneField("self", models.SET_NULL, null=True)
    data = models.JSONField(default=dict)
    odd = models.IntegerField(default=0, db_column="odd column {x} 🦉")
    changed_at = models.DateTimeField(auto_now=True)
    readers = models.ManyToManyField(Author, related_name="+")


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), level=pgtrigger.Row
)
class RowLevel(models.Model):
    number = models.IntegerField()
    text = models.TextField(null=True)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class StatementLevel(models.Model):
    number = models.IntegerField()
    text = models.TextField(null=True)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class SmallKey(models.Model):
    id = models.AutoField(primary_key=True)
    number = models.IntegerField()


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Parcel(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.IntegerField()


@pghistory.track()
class Invoice(models.Model):
    net = models.IntegerField(null=True)
    tax = models.IntegerField(null=True)
    total = models.GeneratedField(
        expression=models.F("net") + models.F("tax"),
        output_field=models.IntegerField(),
        db_persist=True,
    )


class Animal(models.Model):
    name = models.CharField(max_length=32)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Dog(Animal):
    tricks = models.IntegerField(default=0)


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), level=pgtrigger.Row
)
class Cat(Animal):
    lives = models.IntegerField(default=9)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Seat(models.Model):
    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=1)
    number = models.IntegerField()
    guest = models.CharField(max_length=32, default="")


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Measurement(models.Model):
    """A partitioned table, which Django cannot make."""

    pk = models.CompositePrimaryKey("region", "number")
    region = models.IntegerField()
    number = models.IntegerField()
    value = models.IntegerField()

    class Meta:
        managed = False
        db_table = "pghistory_tests_measurement"


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    pghistory.ManualEvent("seen"),
)
class Step(models.Model):
    """A field with the name of a method of its events, in a constraint over two."""

    plan = models.CharField(max_length=32)
    number = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["plan", "number"], name="step_of_plan")]


@pghistory.track(
    pghistory.UpdateEvent("before", row=pghistory.Old),
    pghistory.DeleteEvent("gone"),
)
class OldRows(models.Model):
    number = models.IntegerField()


@pghistory.track(
    pghistory.InsertEvent("written"),
    pghistory.UpdateEvent("written"),
    pghistory.DeleteEvent("written"),
)
class OneLabel(models.Model):
    number = models.IntegerField()


@pghistory.track(fields=["kept"])
@pghistory.track(pghistory.ManualEvent("seen"), fields=["kept", "other"])
@pghistory.track(
    pghistory.UpdateEvent("raised", condition=pgtrigger.Condition('OLD."kept" < NEW."kept"')),
    exclude=["other"],
    model_name="PartialRaised",
    obj_field=pghistory.ObjForeignKey(related_name="raised"),
)
class Partial(models.Model):
    kept = models.IntegerField(default=0)
    other = models.IntegerField(default=0)


@pghistory.track(append_only=True)
class Ledger(models.Model):
    amount = models.IntegerField()


@pghistory.track(append_only="strict")
class Vault(models.Model):
    amount = models.IntegerField()


@pghistory.track(
    context_field=pghistory.ContextJSONField(),
    context_id_field=pghistory.ContextUUIDField(),
)
class Denormalized(models.Model):
    number = models.IntegerField()


class Account(models.Model):
    balance = models.IntegerField(default=0)


class AccountEvent(
    pghistory.create_event_model(
        Account, pghistory.InsertEvent("opened"), pghistory.UpdateEvent("moved")
    )
):
    note = models.TextField(default="", db_default="")
    reason = pghistory.ProxyField("pgh_context__metadata__reason", models.TextField())
    amount = pghistory.ProxyField("pgh_context__metadata__amount", models.IntegerField())

    class Meta:
        ordering = ("pgh_id",)


class AccountAudit(AccountEvent):
    author = pghistory.ProxyField(
        "pgh_context__metadata__author", models.ForeignKey(Author, models.CASCADE)
    )
    cents = pghistory.ProxyField("pgh_context__metadata__amount", models.BigIntegerField())
    day = pghistory.ProxyField("pgh_context__metadata__day", models.DateField())

    class Meta:
        proxy = True


class Remark(models.Model):
    event = models.ForeignKey(AccountEvent, models.CASCADE)


BookReader = pghistory.track(
    pghistory.InsertEvent(), pghistory.DeleteEvent(), obj_field=None, model_name="BookReaderEvent"
)(Book.readers.through)


@pghistory.track(obj_field=pghistory.ObjForeignKey(related_name="tracked_events"))
class TrackedAuthor(Author):
    """A model that may be another app's, tracked by a proxy."""

    class Meta:
        proxy = True


class PrefixedKey(models.CharField):
    """A key that is ``ticket_1`` in Python and ``1`` in the database."""

    def from_db_value(self, value, expression, connection):
        return None if value is None else f"ticket_{value}"

    def get_prep_value(self, value):
        return None if value is None else str(value).removeprefix("ticket_")


@pghistory.track()
class Ticket(models.Model):
    key = PrefixedKey(primary_key=True, max_length=16)
    title = models.CharField(max_length=32)


@pghistory.track()
class TicketLine(models.Model):
    ticket = models.ForeignKey(Ticket, models.CASCADE)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.UpdateEvent("before", row=pghistory.Old),
    attrs={"note": models.TextField(null=True), "pgh_origin": models.TextField(null=True)},
)
class Noted(models.Model):
    """An event model with columns of the project."""

    name = models.TextField()


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    mask=["password", "pin"],
)
class Member(models.Model):
    """Fields of which events record only that they changed."""

    name = models.CharField(max_length=32)
    password = models.CharField(max_length=32)
    pin = models.IntegerField(null=True)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.AfterUpdate("update"),
    pghistory.DeleteEvent(),
    mask=["password", "pin"],
    level=pgtrigger.Row,
)
class RowMember(models.Model):
    name = models.CharField(max_length=32)
    password = models.CharField(max_length=32)
    pin = models.IntegerField(null=True)


class Person(models.Model):
    name = models.CharField(max_length=32)
    secret = models.CharField(max_length=32, default="")


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    mask=["secret", "code"],
)
class Employee(Person):
    code = models.CharField(max_length=32, default="")
    salary = models.IntegerField(default=0)


class Tag(models.Model):
    name = models.CharField(max_length=32)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    with_=["tags", "lines"],
)
class Order(models.Model):
    """An object whose timeline has the rows of two relations."""

    number = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag, related_name="orders")


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OrderLine(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, null=True, related_name="lines")
    text = models.CharField(max_length=32, default="")


OrderTag = pghistory.track(
    pghistory.InsertEvent(), pghistory.DeleteEvent(), obj_field=None, model_name="OrderTagEvent"
)(Order.tags.through)
