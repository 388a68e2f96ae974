"""The triggers and constraints that are in the database now: rows of Postgres' own catalog.

https://www.postgresql.org/docs/current/catalog-pg-trigger.html
https://www.postgresql.org/docs/current/catalog-pg-constraint.html
"""

from typing import Self

from django.db import connections, models
from django.db.models import F, Func, Value


class _Regclass(Func):
    """A table's oid as its name."""

    template = "%(expressions)s::regclass::text"
    output_field = models.TextField()


class OfTables(models.QuerySet[models.Model]):
    def on(self, model: type[models.Model]) -> Self:
        """Those on the model's table, by name: the order in which Postgres fires triggers."""
        name = connections[self.db].ops.quote_name(model._meta.db_table)
        table = Func(Value(name), function="to_regclass")
        return self.filter(table_oid=table).order_by("name")


class InstalledTriggerManager(models.Manager.from_queryset(OfTables)):
    def get_queryset(self) -> OfTables:
        """Without those that Postgres makes itself, for constraints and for partitions."""
        text = models.TextField()
        definition = Func(F("oid"), Value(True), function="pg_get_triggerdef", output_field=text)
        function = Func(F("function_oid"), function="pg_get_functiondef", output_field=text)
        return (
            super()
            .get_queryset()
            .filter(is_internal=False, parent=0)
            .annotate(table=_Regclass(F("table_oid")), definition=definition, function=function)
        )


class InstalledTrigger(models.Model):
    """A row of `pg_trigger`, with its table, definition and function as SQL."""

    oid = models.PositiveBigIntegerField(primary_key=True)
    name = models.CharField(max_length=63, db_column="tgname")
    table_oid = models.PositiveBigIntegerField(db_column="tgrelid")
    function_oid = models.PositiveBigIntegerField(db_column="tgfoid")
    enabled = models.CharField(
        max_length=1,
        db_column="tgenabled",
        choices=[("O", "enabled"), ("D", "disabled"), ("R", "on replicas"), ("A", "always")],
    )
    is_internal = models.BooleanField(db_column="tgisinternal")
    parent = models.PositiveBigIntegerField(db_column="tgparentid")

    objects = InstalledTriggerManager()

    class Meta:
        managed = False
        db_table = "pg_trigger"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class InstalledConstraintManager(models.Manager.from_queryset(OfTables)):
    def get_queryset(self) -> OfTables:
        """Without the NOT NULL of columns, which Postgres 18 lists among them."""
        definition = Func(
            F("oid"), function="pg_get_constraintdef", output_field=models.TextField()
        )
        return super().get_queryset().exclude(kind="n").annotate(definition=definition)


class InstalledConstraint(models.Model):
    """A row of `pg_constraint`, with its definition as SQL."""

    oid = models.PositiveBigIntegerField(primary_key=True)
    name = models.CharField(max_length=63, db_column="conname")
    table_oid = models.PositiveBigIntegerField(db_column="conrelid")
    kind = models.CharField(
        max_length=1,
        db_column="contype",
        choices=[("c", "check"), ("f", "foreign key"), ("p", "primary key"), ("u", "unique")],
    )

    objects = InstalledConstraintManager()

    class Meta:
        managed = False
        db_table = "pg_constraint"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
