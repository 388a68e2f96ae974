"""History of related rows

"Who removed the ink from order 7?" The history of the order says nothing, because the order did not
change: a row of another table was deleted.

Saving the order after each change of its items writes an event without a difference, and only in
the places where somebody thought of it.

The items are tracked themselves, and `with_=["items"]` on the order puts their arrivals and
departures into its timeline. Nothing more is written: the entries are read from the events of the
items, by their foreign key. `with_` needs no migration.

`pghistory.diff(event, order)` compares two states, with the keys of the items at both times. The
names in `with_` are those of many-to-many fields and reverse accessors.

## What it does not stop

- A change inside an item is in the item's own timeline, not in the order's.
- If the related model is not tracked, the system check `pghistory.E003` says what is missing.
"""

from tutorial.models import Item, Order


def run():
    from pghistory.models import Events

    order = Order.objects.create(number=7)
    Item.objects.create(order=order, text='paper')
    ink = Item.objects.create(order=order, text='ink')
    ink.delete()

    for event in Events.objects.tracks(order).order_by('pgh_created_at'):
        changed = list(event.pgh_diff or [])
        print(event.pgh_label, event.pgh_model, event.pgh_data.get('text'), changed)

    # An item that moves is removed from one order and added to another
    other = Order.objects.create(number=8)
    Item.objects.update(order=other)
    print([event.pgh_label for event in Events.objects.tracks(other).order_by('pgh_created_at')])
