"""Columns of event tables for models whose own columns are unusual."""

import pytest

pytestmark = pytest.mark.django_db


def test_a_model_that_gets_an_order(app):
    source = """
import pghistory

class Owner(models.Model):
    pass

@pghistory.track()
class Entry(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE)

    class Meta:
        {order}
"""
    app.declare(source.format(order="pass"))
    app.makemigrations()
    app.migrate()
    app.declare(source.format(order="order_with_respect_to = 'owner'"))
    app.makemigrations()
    app.migrate()
    assert not app.has_changes()
    owner = app.model("Owner").objects.create()
    entries = [app.model("Entry").objects.create(owner=owner) for _ in range(2)]
    owner.set_entry_order([entry.pk for entry in reversed(entries)])
    last = entries[0].events.latest("pgh_id")
    assert (last.pgh_label, last._order) == ("update", 1)


def test_an_order_that_a_rule_names_is_removed_and_comes_back(app):
    source = """
class Owner(models.Model):
    pass

class Entry(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE)

    class Meta:
        {order}
        triggers = [
            pgtrigger.Protect(name="kept", operation=pgtrigger.Update, condition={condition})
        ]
"""
    ordered = source.format(
        order="order_with_respect_to = 'owner'", condition="pgtrigger.AnyChange('_order')"
    )
    for step in (ordered, source.format(order="pass", condition="None"), ordered):
        app.declare(step)
        app.makemigrations()
        app.migrate()
    for target in ("0002", "0001", "zero"):
        app.migrate(target)
    assert app.leftovers() == []


def test_a_column_that_parent_and_child_call_the_same(app):
    app.declare(
        """
import pghistory

class Place(models.Model):
    name = models.TextField(default="place", db_column="odd")

@pghistory.track()
class Shop(Place):
    title = models.TextField(default="shop", db_column="odd")
"""
    )
    app.makemigrations()
    app.migrate()
    assert not app.has_changes()
    event = app.model("Shop").objects.create().events.get()
    assert (event.name, event.title) == ("place", "shop")
