"""Read-only fields

A protection speaks of a whole table. A *condition* narrows it to some rows: it is the trigger's
`WHEN` clause, over the row as it was (`OLD`) and the row as it would be (`NEW`).

You can write a condition in SQL, as `pgtrigger.Condition('OLD.x <> NEW.x')`, or with
`pgtrigger.Q` and `pgtrigger.F`, which work as Django's own `Q` and `F` do, over fields called
`old__…` and `new__…`. The lookup `df` is SQL's `IS DISTINCT FROM`: unlike `<>`, it counts a
`NULL` that becomes a value as a change.

Here the rule fires only when the old `created_at` is distinct from the new one. An update of
`int_field` passes; Postgres evaluates the condition before it calls the function, so an update
that is allowed costs next to nothing.
"""

from tutorial.models import ReadOnlyField


def run():
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
