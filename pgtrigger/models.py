"""The triggers in the database, as rows of its catalog, and the records of rules that report.

https://www.postgresql.org/docs/current/catalog-pg-trigger.html
"""

from __future__ import annotations

from typing import ClassVar

from django.db import connections, models
from django.db.models import F, Func, Value

from pgtrigger import naming


class CatalogQuerySet(models.QuerySet[models.Model]):
    """Rows of a catalog table with the columns ``table_oid`` and ``name``."""

    def on(self, model: type[models.Model]) -> CatalogQuerySet:
        """Return the rows of the model's table, in the order in which PostgreSQL fires triggers."""
        name = connections[self.db].ops.quote_name(model._meta.db_table)
        table = Func(Value(name), function="to_regclass")
        rows: CatalogQuerySet = self.filter(table_oid=table).order_by("name")
        return rows


class PgTriggerManager(models.Manager["PgTrigger"]):
    """The manager of triggers, which adds their table, definition and function to each."""

    def get_queryset(self) -> CatalogQuerySet:  # type: ignore[override]  # a queryset of any model
        """Return all triggers but those that PostgreSQL creates for constraints and partitions."""
        text = models.TextField()
        annotations = {
            "table": Func(
                F("table_oid"), template="%(expressions)s::regclass::text", output_field=text
            ),
            "definition": Func(
                F("oid"), Value(True), function="pg_get_triggerdef", output_field=text
            ),
            "function": Func(F("function_oid"), function="pg_get_functiondef", output_field=text),
        }
        rows = CatalogQuerySet(self.model, using=self._db)
        found: CatalogQuerySet = rows.filter(is_internal=False, parent=0).annotate(**annotations)
        return found

    def on(self, model: type[models.Model]) -> CatalogQuerySet:
        """Return the triggers on the model's table, in the order in which they fire."""
        return self.get_queryset().on(model)


class PgTrigger(models.Model):
    """A row of ``pg_trigger``."""

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

    # dumpdata leaves it out.
    in_fixtures: ClassVar[bool] = False

    objects: ClassVar[PgTriggerManager] = PgTriggerManager()

    class Meta:
        managed = False
        db_table = "pg_trigger"
        ordering: ClassVar[list[str]] = ["name"]
        verbose_name = "trigger"
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)

    def __str__(self) -> str:
        return self.name


class Violation(models.Model):
    """A write that a rule with ``mode="report"`` would have refused; see ``database.recording``.

    Only triggers write the rows. The time is that of the write, not of its transaction.
    """

    id = models.BigAutoField(primary_key=True)
    uri = models.TextField()
    table_name = models.TextField()
    operation = models.TextField()
    key = models.JSONField(null=True)
    message = models.TextField()
    detail = models.JSONField()
    context_id = models.UUIDField(null=True)
    context = models.JSONField(null=True)
    database_role = models.TextField()
    application = models.TextField()
    created_at = models.DateTimeField()

    in_fixtures: ClassVar[bool] = False

    class Meta:
        db_table = naming.VIOLATIONS
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["uri", "created_at"], name="pgtrigger_violation_uri")
        ]
        default_permissions: ClassVar[tuple[str, ...]] = ("view",)
        required_db_vendor = "postgresql"

    def __str__(self) -> str:
        return f"{self.uri} {self.operation} {self.key}"


class ViolationCount(models.Model):
    """The violations of a rule that were only counted, by the hour and PostgreSQL's session."""

    id = models.BigAutoField(primary_key=True)
    uri = models.TextField()
    hour = models.DateTimeField()
    backend = models.IntegerField()
    number = models.BigIntegerField()

    in_fixtures: ClassVar[bool] = False

    class Meta:
        db_table = naming.VIOLATION_COUNTS
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["uri", "hour", "backend"], name="pgtrigger_violationcount_once"
            )
        ]
        default_permissions: ClassVar[tuple[str, ...]] = ()
        required_db_vendor = "postgresql"

    def __str__(self) -> str:
        return f"{self.uri} {self.hour:%Y-%m-%d %H:%M} {self.number}"
