"""Immutable rows: freeze an issued invoice

An invoice was sent to the customer. Months later a script rounded the amounts of all invoices, so
the invoice in the books is no longer the one that the customer has.

`update()`, the admin's actions and the script do not run a check in `save()` or in a form.
Protecting the whole table is too much: a draft has to change.

`pgtrigger.Frozen` refuses to change or delete a row once a condition is true of it. `when` is a
condition on the row *as it is stored*, so the update that issues the invoice passes, and every
later one is refused. `allow` lists the fields that may still change.

The rule consists of two triggers, `frozen` and `frozen_delete`, which are installed, ignored and
removed together. `message` is the text for the person who wrote, and forms show it. In the admin
the fields of an issued invoice are read-only, and there is no Delete button.

## What it does not stop

- `TRUNCATE`, and `pgtrigger.ignore('tutorial.Invoice:frozen')`.
- An invoice that is inserted as issued, with any amount.
- Changes of other rows, such as the lines of the invoice. The next chapter is about them.
"""

from tutorial.models import Invoice


def run() -> None:
    import pgtrigger

    invoice = Invoice.objects.create(amount=100)

    # A draft can change, and issuing it is a change of a draft
    invoice.amount = 120
    invoice.status = 'issued'
    invoice.save()

    # From here on it is final, for every client
    for change in [{'amount': 1}, {'status': 'draft'}]:
        try:
            Invoice.objects.update(**change)
        except pgtrigger.ReadOnlyError as error:
            print(error.message, error.fields)

    try:
        invoice.delete()
    except pgtrigger.ProtectedError as error:
        print(error.message)

    # The note is not part of the document
    Invoice.objects.update(note='paid on Monday')
    print(Invoice.objects.values('status', 'amount', 'note').get())
