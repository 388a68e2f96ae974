"""Mask and exclude sensitive fields

The accountants want to know who changed the bank account of a payee, and when. The privacy officer
does not want a second table full of bank accounts.

With `exclude=["iban"]` the history does not contain the field, and does not say that it was changed
either. Masking in the template hides the value from the page only: it is in the table, in every
backup, and in every export.

`mask=["iban"]` stores, instead of the value, whether it changed: the event model has
`pgh_iban_changed`. The trigger compares the values, and writes neither.

A difference shows `(masked)` and `(changed)`, in the admin too. A revert leaves a masked field
as it is now.

## What it does not stop

- A value that somebody copies into the context, or that another tracked table holds.
- Values from before `mask` was added: the migration removes the column, backups still have it.
- Guesses from the time: that the IBAN was changed on Monday is in the history, as intended.
"""

from tutorial.models import Payee


def run():
    import pghistory
    from pghistory.models import Events

    payee = Payee.objects.create(name='Ada', iban='DE02 1203')

    # Only the masked field changes
    with pghistory.context(user='clerk 7'):
        Payee.objects.update(iban='DE99 6666')

    # Another field changes
    Payee.objects.update(name='Ada Lovelace')

    for event in payee.events.order_by('pgh_id'):
        print(event.pgh_label, event.name, 'iban changed:', event.pgh_iban_changed)
    for event in Events.objects.tracks(payee).order_by('pgh_created_at')[1:]:
        print(event.pgh_diff)

    # A revert leaves the masked field as it is
    payee.events.order_by('pgh_id').first().revert()
    print(Payee.objects.values_list('name', 'iban').get())
