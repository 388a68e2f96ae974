"""Back to what it was

An event that holds every field can be *reverted* to: `event.revert()` writes the row as it was.
`dry_run=True` writes nothing and tells you the plan: insert, update or nothing, which fields
change from what to what, and what stands in the way.

A deleted row is inserted again, with its key. Reverting is a write like any other: it makes an
event itself, and a rule that forbids it is broken by it.

`Page.history.as_of(time)` is a queryset over the table as it was at that time, which you can
filter, order and count. `pghistory.as_of(obj, time)` is one object, not saved, and
`pghistory.diff()` says what differs between any two states.
"""

from tutorial.models import Page


def run():
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
