"""Conditions on a related row (foreign key)

The invoice of the last chapter is final, and its lines are not: somebody adds a line to an issued
invoice, and its amount is no longer the sum of its lines.

`if line.invoice.status == 'draft'` before `line.save()` reads the invoice too early: until the line
is committed, another request can issue it. A `CheckConstraint` cannot read another table.

`pgtrigger.Requires('invoice__status', 'draft')` refuses to insert, change, move or delete a line
unless its invoice is a draft. For another comparison, name a lookup: `invoice__status__in`.

The trigger locks the invoice with `FOR SHARE` until the end of the transaction. So nobody can issue
it between the check and the COMMIT, and lines of the same invoice can still be added at the same
time.

## What it does not stop

- A change of the invoice itself. If it is issued, its lines stay as they are, and nobody looks at
  them again. `Frozen` on the invoice makes that safe.
- A line without an invoice, if the foreign key may be NULL.
"""

from tutorial.models import Invoice, Line


def run() -> None:
    import pgtrigger

    draft = Invoice.objects.create()
    issued = Invoice.objects.create(status='issued')

    line = Line.objects.create(invoice=draft, text='Paper')
    print('a line of a draft:', line.text)

    try:
        Line.objects.create(invoice=issued, text='Ink')
    except pgtrigger.RequirementError as error:
        print(error.message)

    # Nor can a line be moved to it
    try:
        Line.objects.filter(pk=line.pk).update(invoice=issued)
    except pgtrigger.RequirementError as error:
        print(error.message)

    # Once its invoice is issued, a line stays
    Invoice.objects.filter(pk=draft.pk).update(status='issued')
    try:
        line.delete()
    except pgtrigger.RequirementError as error:
        print(error.trigger, 'refuses the', error.operation)
