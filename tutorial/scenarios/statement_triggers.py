"""Statement-level triggers

A nightly import writes ten thousand readings, and became slow after a log was added: PostgreSQL
calls a row-level trigger once for each row, and each call writes a row.

With `level=pgtrigger.Statement` a trigger is called once, after the statement, and reads the rows
from two *transition tables*: as they were, and as they are.

`Reading` has two such triggers. `never_backwards` is a `Protect`: its condition is declared as for
rows, and rendered for the transition tables. If one row breaks the rule, the whole statement is
refused, and the error names that row. `log_batch` has a function written here, which adds one row
to `Batch` for each statement, with the number of rows.

A trigger that writes rows, as `log_batch` does, takes half to three quarters of the time at
statement level when a statement has many rows. A rule that only compares, as `never_backwards`
does, is about as fast at both levels, and for a single `save()` there is no difference. The next
chapter has the figures.

## What it does not stop

- A statement that writes no rows is never refused.
- It cannot change rows: it fires after the statement. For that, use a row-level before trigger.
"""

from tutorial.models import Batch, Reading


def run() -> None:
    import pgtrigger
    from django.db.models import F

    # One statement, a thousand rows, one call
    Reading.objects.bulk_create(Reading(meter=meter, value=100) for meter in range(1000))
    print('batches of', list(Batch.objects.values_list('rows', flat=True)))

    # A thousand meters run on
    Reading.objects.update(value=F('value') + 1)

    # One of them would run backwards, so none of them moves
    try:
        Reading.objects.update(value=F('value') + 500 - F('meter'))
    except pgtrigger.ProtectedError as error:
        print(error.trigger, 'refuses the', error.operation)

    print('values', set(Reading.objects.values_list('value', flat=True)))
