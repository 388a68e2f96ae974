"""Tables for the engine's tests, each with the rules that one of them needs."""

from django.db import models
from django.db.models.functions import Now

import pgtrigger


class Plain(models.Model):
    """No rule: tests put their own on it."""

    number = models.IntegerField(default=0)
    text = models.CharField(max_length=64, default="")
    nullable = models.IntegerField(null=True)
    json = models.JSONField(default=dict)
    parent = models.ForeignKey("self", models.CASCADE, null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    renamed = models.IntegerField(default=0, db_column="odd column {x} \\ 🦉")
    friends = models.ManyToManyField("self")


class Protected(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="no_negative",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__number__lt=0),
            ),
        ]


class Guarded(models.Model):
    """Rules that nothing can ignore."""

    class Meta:
        triggers = [
            pgtrigger.Protect(name="always", operation=pgtrigger.Delete, ignorable=False),
        ]


class Frozen(models.Model):
    kept = models.IntegerField(default=0)
    other = models.IntegerField(default=0)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["kept"])]


class FrozenStatement(models.Model):
    kept = models.IntegerField(default=0)
    other = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.ReadOnly(name="kept", fields=["kept"], level=pgtrigger.Statement),
            pgtrigger.Protect(
                name="no_delete", operation=pgtrigger.Delete, level=pgtrigger.Statement
            ),
        ]


class Machine(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft"
        LIVE = "it's: live"
        GONE = "gone"

    state = models.CharField(max_length=16, null=True, default=State.DRAFT)
    step = models.IntegerField(null=True)

    class Meta:
        triggers = [
            pgtrigger.FSM(
                name="state",
                field="state",
                transitions=[
                    ("draft", "it's: live"),
                    (None, "draft"),
                    ("*", "gone"),
                ],
                separator="|",
            ),
            pgtrigger.FSM(name="step", field="step", transitions=[(1, 2), (2, 3), (3, None)]),
        ]


class StatementMachine(models.Model):
    state = models.CharField(max_length=16, default="a")

    class Meta:
        triggers = [
            pgtrigger.FSM(
                name="state",
                field="state",
                transitions=[("a", "b"), ("b", "c")],
                level=pgtrigger.Statement,
            )
        ]


class Soft(models.Model):
    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft", field="is_active", value=False)]


class SoftWhen(models.Model):
    deleted_at = models.DateTimeField(null=True, db_column="deleted at {x}")

    class Meta:
        db_table = "Odd table {t}, \\ 🦉"
        triggers = [pgtrigger.SoftDelete(name="soft", field="deleted_at", value=Now())]


class Deferred(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="late",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("number"),
                timing=pgtrigger.Deferred,
            )
        ]


class Versioned(models.Model):
    version = models.IntegerField(default=0)
    text = models.CharField(max_length=32, default="")

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="protect_version_edits",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__version__df=pgtrigger.F("new__version")),
            ),
            pgtrigger.Trigger(
                name="versioned",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="NEW.version = NEW.version + 1; RETURN NEW;",
                condition=pgtrigger.Condition("OLD.* IS DISTINCT FROM NEW.*"),
            ),
        ]


class Raising(models.Model):
    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="raise",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func="RAISE EXCEPTION '100%% {no}';",
            )
        ]


class Ruled(models.Model):
    """An abstract parent whose rule its children get."""

    class Meta:
        abstract = True
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]


class RuledChild(Ruled):
    pass


class ConcreteParent(models.Model):
    name = models.CharField(max_length=32, default="")


class ConcreteChild(ConcreteParent):
    extra = models.IntegerField(default=0)

    class Meta:
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)]


class Keyed(models.Model):
    pk = models.CompositePrimaryKey("tenant", "number")
    tenant = models.IntegerField()
    number = models.IntegerField()
    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [
            pgtrigger.SoftDelete(name="soft", field="is_active"),
            pgtrigger.Protect(
                name="keep_tenant",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("tenant"),
            ),
        ]


class Generated(models.Model):
    number = models.IntegerField(default=0)
    double = models.GeneratedField(
        expression=models.F("number") * 2,
        output_field=models.IntegerField(),
        db_persist=True,
    )
    changes = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="count",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(),
                func="NEW.changes = OLD.changes + 1; RETURN NEW;",
            )
        ]


class Document(models.Model):
    title = models.CharField(max_length=64)
    body = models.TextField(null=True)
    vector = models.TextField(null=True)
