"""Once a statement

A row-level trigger is called for each row. A statement that writes ten thousand rows calls it ten
thousand times. With `level=pgtrigger.Statement` it is called once, after the statement, and sees
the rows in two *transition tables*: as they were, and as they are.

`Reading` has two such triggers. `never_backwards` is a `Protect` like any other: its condition is
written for rows, and rendered for the transition tables. If one row breaks the rule, the
statement as a whole is refused, and the error names that row. `log_batch` is written by hand; it
adds one row to `Batch` for each statement, with the number of rows.

For big statements this is many times faster. For a single `save()` it costs about what a
row-level trigger does.
"""

from tutorial.models import Batch, Reading


def run():
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
