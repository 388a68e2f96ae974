"""Delete old events (retention)

The event table is forty times as large as the table that it is about, and grows. The law says: keep
it for a year. Somebody runs `DELETE ... WHERE pgh_created_at < ...`, and an object that has not
changed for two years now has no history at all: nobody can say what it was last week.

A script in Python would have to find the last event of each object, work in batches, and not delete
contexts that other events still have.

`keep=timedelta(days=365)` on `track()` declares the age, and `manage.py pghistory prune` removes
what is older. The last event of each object stays, because `as_of()` reads it for every later time.
Contexts are removed with their last event. Each batch is a transaction, so the command can be
stopped, and writers do not wait.

The application has no privilege to prune: run the command as the owner of the tables.

`run()` makes events older, because nobody waits for two years.

## What it does not stop

- Backups, which have the removed events until you remove them too.
- Growth between two runs. A table with millions of events a month is better partitioned.
"""

from tutorial.models import Customer


def run():
    from datetime import timedelta

    from django.core.management import call_command
    from django.db.models import F

    ada = Customer.objects.create(name='Ada', city='London')
    for city in ['Paris', 'Rome']:
        Customer.objects.update(city=city)

    # Two years pass
    ada.events.update(pgh_created_at=F('pgh_created_at') - timedelta(days=730))
    Customer.objects.update(city='Oslo')
    print([event.city for event in ada.events.order_by('pgh_id')])

    # Rome stays: it is what the row was a year ago
    call_command('pghistory', 'prune', 'tutorial.Customer')
    print([event.city for event in ada.events.order_by('pgh_id')])
