"""Tables with rules and with history, at both levels, in words that both packages know."""

from django.db import models

import pghistory
import pgtrigger

ALL = (pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
LOCKED = pgtrigger.Q(old__status="locked")


class Item(models.Model):
    status = models.CharField(max_length=32, default="draft")
    title = models.TextField(default="A title of ordinary length")
    amount = models.IntegerField(default=1)
    number = models.IntegerField(default=1)

    class Meta:
        abstract = True


class RowRuled(Item):
    class Meta:
        triggers = [
            pgtrigger.FSM(name="flow", field="status", transitions=[("draft", "sent")]),
            pgtrigger.ReadOnly(name="number_is_final", fields=["number"]),
            pgtrigger.Protect(name="locked", operation=pgtrigger.Update, condition=LOCKED),
        ]


class StatementRuled(Item):
    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="locked",
                operation=pgtrigger.Update,
                condition=LOCKED,
                level=pgtrigger.Statement,
            )
        ]


@pghistory.track(*ALL, level=pgtrigger.Row)
class RowTracked(Item):
    pass


@pghistory.track(*ALL, level=pgtrigger.Statement)
class StatementTracked(Item):
    pass
