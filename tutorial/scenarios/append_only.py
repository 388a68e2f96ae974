"""Append-only models

Somebody corrected last month's ledger, and the totals no longer match the report that was sent. A
ledger, a log and a table of signatures have one thing in common: rows are added and never change.

A model without a form and without a `save()` override still has `update()`, `bulk_update()` and
`delete()`. In Python each of them would need its own check.

Operations combine with `|`. A `Protect` for `pgtrigger.Update | pgtrigger.Delete` makes a model
*append-only*.

The code catches `django.db.InternalError`, as in the documentation of the rule. A refused write is
a `django.db.IntegrityError` too, like a broken unique constraint. To find out which rule refused a
write, see [errors with a type](/typed-errors/).

`save()` changes nothing here, and is refused: Django sends an `UPDATE` even if no value differs,
and this rule is about the operation. The next chapter asks what changed.

## What it does not stop

- `TRUNCATE`: see the chapter on [statement-level triggers](/statement-triggers/).
- Rows that are wrong when they are added. A correction is then a further row.
"""

from tutorial.models import AppendOnly


def run() -> None:
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
