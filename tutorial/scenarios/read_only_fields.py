"""Several read-only fields

Conditions combine with `&`, `|` and `~`, so making a second field read-only is one more line.
`ReadOnlyFields` refuses an update of `created_at`, of `int_field`, and of both.

What is left alone is fine: a `save()` that changes neither field passes, because the rule asks
what differs, not which columns the `UPDATE` names.

The same rule has a shorter name, `pgtrigger.ReadOnly(fields=['created_at', 'int_field'])`.
"""

from tutorial.models import ReadOnlyFields


def run():
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
