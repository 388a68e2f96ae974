"""Track the user in Celery, commands and async code

The history of a price says "no user". It was changed by a Celery task, which somebody had started
with a button. The middleware knows the user of a request, and a task is not one.

Passing a user to every function down to `save()` changes them all, and `update()` has no argument
for it.

`pghistory.context()` is a context manager and a decorator. All changes inside it carry its
metadata: in a task, a command, a coroutine, and in other threads of `asgiref`. Pass the user's key
to the task, and open a context with it. The key `user` is the one that the admin shows.

A nested context joins the outer one and adds to it. A bare call, such as
`pghistory.context(reason='audit')`, adds to the open context, and does nothing if there is none.

## What it does not stop

- A task without a context: its events name nobody. `PGHISTORY_RECORD_SESSION = True` records
  at least the database role and the application.
- A context says what the code says. Somebody who may call it may write any name.
"""

from tutorial.models import Product


def run():
    import pghistory
    from asgiref.sync import async_to_sync

    tea = Product.objects.create(name='Tea', price=4)

    # A task: the decorator opens a context for each call
    @pghistory.context(task='raise_prices')
    def raise_prices(user):
        pghistory.context(user=user)
        Product.objects.update(price=9)

    # A coroutine: the context belongs to it, not to the thread
    async def lower_prices():
        async with pghistory.context(command='lower_prices'):
            await Product.objects.aupdate(price=5)

    raise_prices(user=7)
    async_to_sync(lower_prices)()

    for event in tea.events.order_by('pgh_id'):
        print(event.pgh_label, event.price, event.pgh_context and event.pgh_context.metadata)
