"""Several read-only fields

An order has a number, a customer and a currency that must not change after it was created. One rule
for each field works, and is long.

Conditions combine with `&`, `|` and `~`, so a second read-only field is one more line.
`ReadOnlyFields` refuses an update of `created_at`, of `int_field`, and of both.

A `save()` that changes neither field passes, because the condition compares values. It does not
matter which columns the `UPDATE` names.

`pgtrigger.ReadOnly(fields=['created_at', 'int_field'])` is a shorter way to write the same rule.
`ReadOnly(exclude=[...])` makes all other fields read-only, and fields that you add later too.

## What it does not stop

- A change of a field that is not listed. Prefer `exclude` if new fields should be read-only.
- The deletion of the row.
"""

from tutorial.models import ReadOnlyFields


def run() -> None:
    from django.db import InternalError
    from django.utils import timezone

    read_only_fields = ReadOnlyFields.objects.create(int_field=0)

    # Saving it as it is changes neither field
    read_only_fields.save()
    print('Saved unchanged')

    try:
        read_only_fields.int_field = 1
        read_only_fields.save()
    except InternalError:
        print('Cannot update int_field!')

    read_only_fields.refresh_from_db()
    try:
        read_only_fields.created_at = timezone.now()
        read_only_fields.save()
    except InternalError:
        print('Cannot update created_at!')
