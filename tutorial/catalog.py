"""The constraints that are in the database now: rows of PostgreSQL's catalog.

https://www.postgresql.org/docs/current/catalog-pg-constraint.html
"""

from django.db import models
from django.db.models import F, Func

from pgtrigger.models import CatalogQuerySet


class InstalledConstraintManager(models.Manager["InstalledConstraint"]):
    """Constraints with their definition as SQL."""

    def get_queryset(self) -> CatalogQuerySet:  # type: ignore[override]  # a queryset of any model
        """Leave out the NOT NULL of columns, which PostgreSQL 18 lists among them."""
        definition = Func(
            F("oid"), function="pg_get_constraintdef", output_field=models.TextField()
        )
        constraints = CatalogQuerySet(self.model, using=self._db).exclude(kind="n")
        annotated: CatalogQuerySet = constraints.annotate(definition=definition)
        return annotated

    def on(self, model: type[models.Model]) -> CatalogQuerySet:
        """Return the constraints of the model's table."""
        return self.get_queryset().on(model)


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
