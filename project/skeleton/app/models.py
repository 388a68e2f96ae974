"""The models of this app, with the rules that the database keeps."""

from django.db import models

import pghistory
import pgtrigger


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Item(models.Model):
    """
    An item that is drafted, published and withdrawn, in this order.

    The database refuses every other change of the status, and deletes only drafts. It writes an
    event for each change, in the same transaction.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"
        WITHDRAWN = "withdrawn"

    name = models.CharField(max_length=200)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)

    class Meta:
        ordering = ["name"]
        triggers = [
            pgtrigger.FSM(
                name="status_transitions",
                field="status",
                transitions=[("draft", "published"), ("published", "withdrawn")],
            ),
            pgtrigger.Protect(
                name="delete_only_drafts",
                operation=pgtrigger.Delete,
                condition=~pgtrigger.Q(old__status="draft"),
            ),
        ]

    def __str__(self) -> str:
        return self.name
