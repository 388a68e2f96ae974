"""Soft-deleting models

A model is *soft-deleted* when a deletion sets a field instead of removing the row: here
`is_active` becomes `False`.

Triggers that fire *before* an operation can put another in its place. `pgtrigger.SoftDelete` does
that: it updates the row, and answers Postgres with `NULL`, which means "this row is not to be
deleted".

Django notices nothing. `delete()` returns as ever and clears the object's primary key, which is
why the code keeps the id aside. The row is still there, with `is_active = False`, and so it is
for a queryset's `delete()`, for the admin and for a `DELETE` typed by hand.
"""

from tutorial.models import SoftDelete


def run():
    # This model does not allow updates or deletes
    soft_delete = SoftDelete.objects.create(is_active=True)
    soft_delete_id = soft_delete.id

    # Let's try to delete the model. Django will still behave as it normally does
    # and will flush the object's contents, but the object will still be in the
    # database in an inactive state
    soft_delete.delete()

    soft_delete = SoftDelete.objects.get(id=soft_delete_id)
    print('is_active =', soft_delete.is_active)
