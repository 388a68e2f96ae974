"""Conditions on a related row (foreign key)

In the last chapter an issued invoice became final, but its lines did not. Somebody adds a line to
an issued invoice. Now the amount of the invoice is not the sum of its lines.

`if line.invoice.status == 'draft'` before `line.save()` is too early: another request can issue the
invoice before the line is committed. A `CheckConstraint` cannot read another table.

`pgtrigger.Requires('invoice__status', 'draft')` refuses to insert, change, move or delete a line
unless its invoice is a draft. For another comparison, add a lookup, as in `invoice__status__in`.

The trigger locks the invoice with `FOR SHARE` until the end of the transaction. So nobody can issue
the invoice between the check and the COMMIT, but other transactions can add lines to it at the same
time.

## What it does not stop

- A change of the invoice itself. The rule checks a line when the line is written, not when the
  invoice is. `Frozen` on the invoice stops changes of an issued invoice.
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

    # A line cannot be moved to an issued invoice either
    try:
        Line.objects.filter(pk=line.pk).update(invoice=issued)
    except pgtrigger.RequirementError as error:
        print(error.message)

    # A line of an issued invoice cannot be deleted
    Invoice.objects.filter(pk=draft.pk).update(status='issued')
    try:
        line.delete()
    except pgtrigger.RequirementError as error:
        print(error.trigger, 'refuses the', error.operation)
