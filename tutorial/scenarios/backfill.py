"""Add history to existing rows (backfill)

The products are tracked since Monday. On Tuesday a price was changed, and the history says what it
became. What it was, nobody knows: the rows were there before their first event.

Saving every object once writes events, but only if something changes, and then the history
says that all rows were created today.

`manage.py pghistory backfill` writes one event for each row without events. It works in batches,
each a short transaction, while the site is running. It can be stopped, and continued with the same
command. Afterwards the first change of every row has a difference, and can be reverted.

Here the row is written inside `pgtrigger.ignore()`, as if tracking had not begun.

## What it does not stop

- It cannot know what a row was earlier. `as_of()` refuses times before the backfill.
- A row that is written while triggers are ignored has no event. Run the command again.
"""

from tutorial.models import Product


def run():
    import pgtrigger
    from django.core.management import call_command

    # From before tracking began
    with pgtrigger.ignore():
        tea = Product.objects.create(name='Tea', price=4)
    print('events:', tea.events.count())

    call_command('pghistory', 'backfill', 'tutorial.Product')

    # Now the first change has something to be compared with
    tea.price = 9
    tea.save()
    first, second = tea.events.order_by('pgh_id')
    print(first.pgh_context.metadata['reason'], first.price)
    print(second.pgh_label, second.price)

    print(first.revert().price)
