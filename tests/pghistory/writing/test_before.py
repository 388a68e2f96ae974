"""Events that are written before the change."""

import pytest

pytestmark = pytest.mark.django_db


def test_an_event_trigger_before_a_write_lets_it_through(app):
    app.declare(
        """
import pghistory
from pghistory.trigger import Event

class Entry(models.Model):
    number = models.IntegerField(default=0)

class EntryEvent(pghistory.create_event_model(Entry, pghistory.ManualEvent("written"))):
    pass

def before(name, operation, row):
    return Event(
        name=name, label=name, event_model=EntryEvent, operation=operation, row=row,
        when=pgtrigger.Before,
    )

pgtrigger.register(
    before("inserted", pgtrigger.Insert, pghistory.New),
    before("updated", pgtrigger.Update, pghistory.New),
    before("deleted", pgtrigger.Delete, pghistory.Old),
    before("changed", pgtrigger.Update | pgtrigger.Delete, pghistory.Old),
)(Entry)
"""
    )
    app.makemigrations()
    app.migrate()
    entries = app.model("Entry").objects
    entry = entries.create(number=1)
    entries.update(number=2)
    assert entries.get().number == 2
    entry.delete()
    assert not entries.exists()
    labels = app.model("EntryEvent").objects.values_list("pgh_label", flat=True)
    assert sorted(labels) == ["changed", "changed", "deleted", "inserted", "updated"]
