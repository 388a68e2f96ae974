"""From reporting to refusing

A rule against negative payments went live on Monday. On Tuesday the nightly import failed: it
corrects old payments with negative ones, and nobody knew that.

A table that is ten years old has rows and programs that break a new rule. A code review does not
find them all.

With `mode='report'` a rule refuses nothing. The write passes, and a row of `pgtrigger_violation`
says what would have been refused: the rule, the key, the operation, the message, and the context
of pghistory with the user or the job. The record is written in the same transaction, so no writer
waits for another one.

The way to a rule has four steps:

1. Declare it with `mode='report'`, and migrate.
2. `manage.py pgtrigger try tutorial.Payment:no_negative` counts the rows that break it now.
3. `manage.py pgtrigger violations` lists who breaks it. Correct programs and rows.
4. Remove `mode='report'`, and migrate.

## What it does not stop

- Anything: it reports.
- A write that is rolled back leaves no record.
- More than 1,000 violations of a rule in one hour are only counted.
"""

from tutorial.models import Payment


def run() -> None:
    import pghistory
    from django.db import transaction
    from pgtrigger.models import Violation

    # Both writes pass
    Payment.objects.create(amount=-5)
    with pghistory.context(job='import'):
        Payment.objects.create(amount=10)
        Payment.objects.filter(amount=10).update(amount=-10)
    print('payments:', list(Payment.objects.order_by('pk').values_list('amount', flat=True)))

    # And are recorded
    for found in Violation.objects.order_by('pk'):
        print(found.operation, found.uri, found.context)
    print('they would have read:', found.message)

    # A write that is rolled back leaves no record
    try:
        with transaction.atomic():
            Payment.objects.create(amount=-1)
            raise ValueError('the import fails')
    except ValueError as error:
        print(error)
    print('records:', Violation.objects.count())

    # The rows that break the rule, before it may refuse
    print('rows:', Payment.objects.filter(amount__lt=0).update(amount=0))
