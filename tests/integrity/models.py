"""Two families of the same shape: one as most are, one in another schema and with hostile names."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.db import models
from django.db.models.functions import Abs, Lower
from django.utils.translation import gettext_lazy as _

import pgtrigger

# Over 63 bytes, and the 63rd is the first half of a character.
LONG_NAME = "a_name_longer_than_postgresql_keeps_" + "é" * 17


class Team(models.Model):
    name = models.CharField(max_length=20)
    motto = models.CharField(max_length=20, default="")


class Person(models.Model):
    team = models.ForeignKey(Team, models.CASCADE, related_name="%(class)s_set")
    second_team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    email = models.CharField(max_length=50, unique=True)
    phone = models.CharField(max_length=50, unique=True)
    nick = models.CharField(max_length=20)
    code = models.CharField(max_length=20)
    slot = models.IntegerField(null=True)
    active = models.BooleanField(default=True)
    score = models.IntegerField(default=0)
    age = models.PositiveIntegerField(default=0)
    small = models.SmallIntegerField(default=0)
    span = IntegerRangeField(null=True)
    other_span = IntegerRangeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["nick", "team"], name="%(class)s_nick"),
            models.UniqueConstraint(Lower("code"), name="%(class)s_code"),
            models.UniqueConstraint(
                fields=["slot"], condition=models.Q(active=True), name="%(class)s_slot"
            ),
            models.CheckConstraint(condition=models.Q(score__gte=0), name="%(class)s_score"),
            models.CheckConstraint(condition=models.Q(score__lte=100), name="%(class)s_top_score"),
            ExclusionConstraint(
                name="%(class)s_span", expressions=[("span", RangeOperators.OVERLAPS)]
            ),
            ExclusionConstraint(
                name="%(class)s_other_span", expressions=[("other_span", RangeOperators.OVERLAPS)]
            ),
        ]


class Member(Person):
    pass


class Guest(Person):
    pass


class ElsewhereTeam(models.Model):
    name = models.CharField(max_length=20, db_column="select")
    motto = models.CharField(max_length=20, default="")

    class Meta:
        db_table = '"integrity_elsewhere"."user"'


class ElsewherePerson(models.Model):
    team = models.ForeignKey(
        ElsewhereTeam, models.CASCADE, db_column='te)=(am""', related_name="%(class)s_set"
    )
    second_team = models.ForeignKey(ElsewhereTeam, models.CASCADE, null=True, related_name="+")
    email = models.CharField(max_length=50, unique=True, db_column="e)=(\nmail")
    phone = models.CharField(max_length=50, unique=True, db_column="order")
    nick = models.CharField(max_length=20, db_column="Nick'name")
    code = models.CharField(max_length=20, db_column="co de")
    slot = models.IntegerField(null=True, db_column="group")
    active = models.BooleanField(default=True)
    score = models.IntegerField(default=0, db_column="score, small")
    age = models.PositiveIntegerField(default=0)
    small = models.SmallIntegerField(default=0)
    span = IntegerRangeField(null=True, db_column="span) WITH (&&")
    other_span = IntegerRangeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(fields=["nick", "team"], name='%(class)s ni)=(ck""s'),
            models.UniqueConstraint(Lower("code"), name="%(class)s: Key (code)=(x)"),
            models.UniqueConstraint(
                fields=["slot"], condition=models.Q(active=True), name="%(class)s\nslot"
            ),
            models.CheckConstraint(condition=models.Q(score__gte=0), name="%(class)s_" + LONG_NAME),
            models.CheckConstraint(condition=models.Q(score__lte=100), name="%(class)s; top"),
            ExclusionConstraint(
                name="%(class)s select", expressions=[("span", RangeOperators.OVERLAPS)]
            ),
            ExclusionConstraint(
                name="%(class)s é", expressions=[("other_span", RangeOperators.OVERLAPS)]
            ),
        ]


class ElsewhereMember(ElsewherePerson):
    class Meta(ElsewherePerson.Meta):
        db_table = '"integrity_elsewhere"."mem)=(ber"'


class ElsewhereGuest(ElsewherePerson):
    class Meta(ElsewherePerson.Meta):
        db_table = '"integrity_elsewhere"."guest"'


class Seat(models.Model):
    """A composite primary key."""

    pk = models.CompositePrimaryKey("row", "number")
    row = models.IntegerField()
    number = models.IntegerField()
    ticket = models.IntegerField(unique=True)
    distance = models.IntegerField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint("row", Abs("distance"), name="seat_distance")]


class Parent(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Child(Parent):
    toy = models.CharField(max_length=20, unique=True)


class Unchecked(models.Model):
    """A foreign key that PostgreSQL knows nothing of."""

    team = models.ForeignKey(Team, models.CASCADE, db_constraint=False)


class Prompt(models.Model):
    """Constraints that are deferrable, some of them from the beginning."""

    rank = models.IntegerField()
    place = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rank"], name="prompt_rank", deferrable=models.Deferrable.IMMEDIATE
            ),
            models.UniqueConstraint(
                fields=["place"], name="prompt_place", deferrable=models.Deferrable.DEFERRED
            ),
        ]


class Guarded(models.Model):
    """With rules of the trigger engine."""

    status = models.CharField(max_length=20, default="draft")

    class Meta:
        triggers = [
            pgtrigger.Protect(name="keep", operation=pgtrigger.Delete),
            pgtrigger.FSM(name="publish", field="status", transitions=[("draft", "published")]),
        ]


class MemberProxy(Member):
    class Meta:
        proxy = True


class Bill(models.Model):
    title = models.CharField(max_length=20, default="")


class BillLine(models.Model):
    """A model whose rule has its own message, which Django can translate."""

    bill = models.ForeignKey(Bill, models.CASCADE)
    amount = models.IntegerField(default=0)
    note = models.CharField(max_length=20, default="", blank=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="positive",
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__amount__lt=0),
                message=_("Enter a whole number."),
                field="amount",
                code="negative",
            ),
            pgtrigger.ReadOnly(name="kept", fields=["bill", "note"], message="This is kept."),
        ]
