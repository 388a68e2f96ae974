"""Undo a transaction or request

Somebody pressed "Clean up", and a request deleted all sales and set every price to 0. Reverting one
row at a time would take all day, and rows that refer to each other have to come back in an order.

A backup restores everything, also the work of the others since then.

Each event records the transaction that wrote it. All events of one transaction, or of one context
such as a request, are a *change set*: `ChangeSet.of(event)` and `ChangeSet.for_context(id)`.

`undo(dry_run=True)` returns the plan. It is carried out and rolled back, so it also knows what only
the database knows, such as a foreign key. `undo()` does it in one transaction, in the opposite
order. If a row was changed since, there is a conflict: `CannotUndo` is raised, and nothing is
written.

An undo writes events too, so it can be undone as well.

## What it does not stop

- Rules apply to an undo. A rule that refuses a deletion also refuses to undo an INSERT.
- `save()` and signals are not called: e-mails that were sent stay sent.
- Only tracked tables are undone, and deletions only if `pghistory.DeleteEvent()` is tracked.
"""

from tutorial.models import Product, Sale


def run():
    import pghistory

    tea = Product.objects.create(name='Tea', price=4)
    Sale.objects.create(product=tea, quantity=3)
    Sale.objects.create(product=tea, quantity=5)

    # A request opens a context. This one did too much
    with pghistory.context(url='/clean-up/') as request:
        Sale.objects.all().delete()
        Product.objects.update(price=0)
    print('left:', Sale.objects.count(), 'sales, price', Product.objects.get().price)

    changes = pghistory.ChangeSet.for_context(request.id)
    print('events:', [event.pgh_label for event in changes.events()])

    plan = changes.undo(dry_run=True)
    print('plan:', [step.action for step in plan.steps], 'conflicts:', plan.conflicts)

    changes.undo()
    print('again:', Sale.objects.count(), 'sales, price', Product.objects.get().price)

    # The product was changed since, by the undo itself
    try:
        changes.undo()
    except pghistory.CannotUndo as error:
        print(len(error.plan.conflicts), 'conflicts, nothing is written')
