"""Read-only fields

The creation date of an account was overwritten by an import, and a report about new customers was
wrong. `editable=False` had kept the field out of forms, and the import used no form.

`editable=False` and a serializer's `read_only_fields` are about forms. `save()` and `update()`
write the field in any case.

Without a condition, `Protect` applies to every row of the table. A *condition* limits it to some
rows. It becomes the trigger's `WHEN` clause, which compares the row before (`OLD`) with the row
after (`NEW`). Write it with `pgtrigger.Q` and `pgtrigger.F`, which work like Django's `Q` and `F`,
on fields called `old__…` and `new__…`, or in SQL with `pgtrigger.Condition('OLD.x <> NEW.x')`. The
lookup `df` is SQL's `IS DISTINCT FROM`: unlike `<>`, it treats a `NULL` that becomes a value as a
change.

Here the rule applies only if `created_at` differs. An update of `int_field` passes, and costs
nearly nothing, because PostgreSQL checks the condition before it calls the function.

The comment in the code, "does not allow updates or deletes", comes with the documented example. It
is not what this model does: only `created_at` cannot be updated.

## What it does not stop

- The value that an INSERT writes. `auto_now_add` sets it in Python only.
- The deletion of the row, followed by an INSERT with other values.
"""

from tutorial.models import ReadOnlyField


def run() -> None:
    from django.db import InternalError
    from django.utils import timezone

    # This model does not allow updates or deletes
    read_only_field = ReadOnlyField.objects.create(int_field=0)

    # An update on int_field is fine
    read_only_field.int_field = 1
    read_only_field.save()

    try:
        # An update on created_at will result in an error
        read_only_field.created_at = timezone.now()
        read_only_field.save()
    except InternalError:
        print('Cannot update field!')
