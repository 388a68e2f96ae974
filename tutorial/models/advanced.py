"""Models with deferred and statement-level rules, rules in several schemas, and search."""

from django.contrib.auth.models import Group
from django.contrib.postgres.search import SearchVectorField
from django.db import models

import pgtrigger


class Article(models.Model):
    """An article whose title and text are prepared for search by a trigger."""

    title = models.CharField(max_length=64)
    text = models.TextField()
    words = SearchVectorField(null=True, editable=False)

    class Meta:
        triggers = [
            pgtrigger.UpdateSearchVector(
                name="words", vector_field="words", document_fields=["title", "text"]
            )
        ]


class Posting(models.Model):
    """One line of a transfer. At COMMIT, the amounts of each transfer add up to 0."""

    transfer = models.IntegerField()
    account = models.CharField(max_length=32)
    amount = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Trigger(
                name="balanced",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                declare=[("total", "bigint")],
                func=pgtrigger.Func(
                    """
                    SELECT sum({columns.amount}) INTO total
                    FROM {meta.db_table} WHERE {columns.transfer} = NEW.{columns.transfer};
                    IF total <> 0 THEN
                        RAISE EXCEPTION 'The amounts of transfer % add up to %',
                            NEW.{columns.transfer}, total;
                    END IF;
                    RETURN NULL;
                    """
                ),
            )
        ]


class Role(Group):
    """Django's Group, with a rule: the group "Administrators" cannot be deleted."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Protect(
                name="keep_administrators",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__name="Administrators"),
            )
        ]


class Reorder(models.Model):
    """An item that has to be ordered again."""

    item = models.CharField(max_length=32)
    missing = models.IntegerField()


class Stock(models.Model):
    """The stock of an item. If an UPDATE lowers items below 5, one INSERT adds them to Reorder."""

    item = models.CharField(max_length=32)
    quantity = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Composer(
                name="reorder",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__quantity__gte=5, new__quantity__lt=5),
                func={
                    pgtrigger.Statement: pgtrigger.Func(
                        """
                        INSERT INTO tutorial_reorder (item, missing)
                        SELECT new_values.item, 10 - new_values.quantity
                        FROM {cond_new_values};
                        RETURN NULL;
                        """
                    ),
                    pgtrigger.Row: """
                        INSERT INTO tutorial_reorder (item, missing)
                        VALUES (NEW.item, 10 - NEW.quantity);
                        RETURN NULL;
                        """,
                },
            )
        ]


class Ticket(models.Model):
    """A ticket. Each tenant's schema has its own table. A closed ticket cannot be deleted."""

    subject = models.CharField(max_length=64)
    is_closed = models.BooleanField(default=False)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="keep_closed",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__is_closed=True),
            )
        ]
