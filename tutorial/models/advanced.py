"""Models with rules on other apps' tables, at COMMIT, and for full-text search."""

from django.contrib.auth.models import Group
from django.contrib.postgres.search import SearchVectorField
from django.db import models

import pgtrigger


class Article(models.Model):
    """The words of its title and text, ready for search."""

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
    """Django's Group, with a rule: the administrators stay."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Protect(
                name="keep_administrators",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__name="Administrators"),
            )
        ]
