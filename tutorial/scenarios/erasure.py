"""Erase a person from the history (GDPR)

A customer asks you to delete what you know of them. The row is deleted in a second. The history
still has their name, and every city in which they lived.

Deleting the events removes more than was asked for: nobody can count the customers of May any more.
Setting the fields with `update()` changes one table, and neither the contexts nor the events of
other models.

`pghistory.erase(customer, fields=["name", "city"])` empties these fields in all events of the
object, and `url` in their contexts. A field of events that refer to it is named with its model,
such as `"shop.Order.address"`. Events, times and labels stay. It returns a *receipt*: what was
erased, in numbers, without the values. `dry_run=True` only counts. Only the owner of the event
tables can erase.

## What it does not stop

- The live row. Change or delete it first: that writes an event, which holds the old values too.
- Backups and exports that exist already. Erase again after you restore one.
- Values under other keys of a context: name these with `metadata=[...]`.
"""

from tutorial.models import Customer


def run():
    import pghistory

    ada = Customer.objects.create(name='Ada', city='London')
    Customer.objects.create(name='Grace', city='Rome')
    with pghistory.context(url='/customers/ada/move/'):
        Customer.objects.filter(name='Ada').update(city='Paris')

    print(pghistory.erase(ada, fields=['name', 'city'], dry_run=True))
    print(pghistory.erase(ada, fields=['name', 'city']))

    # Her events are still there, without what they said of her
    for event in ada.events.order_by('pgh_id'):
        context = event.pgh_context and event.pgh_context.metadata
        print([event.pgh_label, event.name, event.city, context])

    # The live row, and other customers, are not changed
    print(list(Customer.objects.order_by('pk').values_list('name', 'city')))
