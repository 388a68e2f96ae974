"""Append-only models

Operations combine with `|`. Protecting both updates and deletions makes a model *append-only*: a
ledger, a log, a table of signatures. Rows come in, and stay as they are.

`django.db.InternalError` catches a broken rule, as the code here does. So does
`django.db.IntegrityError`, because that is what it is: a fact about the data, like a unique or a
foreign key constraint. And there are [errors with a type of their own](/typed-errors/), which say
which rule it was.

Note that `save()` here changes nothing, and is refused all the same: Django sends an `UPDATE`
whether or not a value differs, and it is the `UPDATE` that the rule is about. The next chapter
asks what changed.
"""

from tutorial.models import AppendOnly


def run():
    from django.db import InternalError

    # This model does not allow updates or deletes
    append_only = AppendOnly.objects.create(int_field=0)

    try:
        # Saving anything will result in an error
        append_only.save()
    except InternalError:
        print('Cannot update!')

    try:
        append_only.delete()
    except InternalError:
        print('Cannot delete!')
