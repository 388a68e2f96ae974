"""Soft-deleting models

A customer was deleted by mistake, and restoring one row from a backup took a day. With *soft
deletion* a deleted row stays in its table, marked as inactive.

A custom `delete()` that sets a flag is not called by a queryset, by a cascade, or by SQL. One of
them deletes the row for real.

A trigger that fires *before* an operation can replace it. `pgtrigger.SoftDelete` updates the row
and returns `NULL`, which tells PostgreSQL not to delete it. Here it sets `is_active` to `False`.

Django does not notice. `delete()` returns as always, and clears the object's primary key, so the
code stores the id before. The same applies to a queryset's `delete()`, to the admin, and to a
`DELETE` in `psql`.

The comment in the code, "does not allow updates or deletes", comes with the documented example. It
is not what this model does: updates pass, and a deletion becomes an update.

## What it does not stop

- Queries still return inactive rows. Filter them in a manager.
- A unique constraint still counts inactive rows. Add a condition to it.
- Rows that refer to the deleted one: the next chapter is about them.
"""

from tutorial.models import SoftDelete


def run() -> None:
    # This model does not allow updates or deletes
    soft_delete = SoftDelete.objects.create(is_active=True)
    soft_delete_id = soft_delete.id

    # Let's try to delete the model. Django will still behave as it normally does
    # and will flush the object's contents, but the object will still be in the
    # database in an inactive state
    soft_delete.delete()

    soft_delete = SoftDelete.objects.get(id=soft_delete_id)
    print('is_active =', soft_delete.is_active)
