"""Revert an object

A description was replaced by "Lorem ipsum", and the author wants the text of last week. A backup
contains the whole database, and not this one row.

An event that holds every field can be reverted to: `event.revert()` writes the row as it was. With
`dry_run=True` it writes nothing and returns the plan: insert, update or nothing, which fields
change, and what prevents it. A deleted row is inserted again, with its key.

`Page.history.as_of(time)` is a queryset of the table as it was at that time, which you can filter,
order and count. `pghistory.as_of(obj, time)` returns one object, which is not saved.
`pghistory.diff()` compares two states.

## What it does not stop

- A revert is a write like any other: it makes an event, and rules can refuse it.
- Rows that referred to a deleted row are not restored with it.
- A model whose events leave fields out cannot be reverted completely. The plan says so.
"""

from tutorial.models import Page


def run() -> None:
    import pghistory

    page = Page.objects.create(title='News', text='We have begun.')
    page.text = 'Lorem ipsum'
    page.save()
    first, second = page.event.order_by('pgh_id')

    # What would going back do? And then do it
    print(first.revert(dry_run=True).changes)
    page = first.revert()
    print('the page says', page.text)

    # As it was after the second event
    then = pghistory.as_of(page, second.pgh_created_at)
    print('it said', then.text)
    print('since then', pghistory.diff(then, page))

    # The whole table, as it was
    Page.objects.all().delete()
    print(Page.objects.count(), 'pages now')
    print(Page.history.as_of(second.pgh_created_at).values_list('text', flat=True).get())

    # What is deleted comes back, with its key
    again = first.revert()
    print('restored', again.pk == then.pk, again.text)
