"""Restore soft-deleted rows (undelete)

A project was deleted by mistake and has to come back, with its tasks. But not with all of them: one
task had been deleted last week, on purpose.

A flag such as `is_active` cannot tell the two apart: it says only that a row is deleted.

If the field of `SoftDelete` is a `DateTimeField`, a deleted row gets the time of the transaction.
Django deletes the tasks and their project in one transaction, so they have the same time. A row
that was deleted earlier keeps its earlier time.

`pgtrigger.undelete(project)` restores the project, and the rows with the same time that refer to it
by a foreign key with `on_delete=CASCADE`. It returns how many rows of each model it restored. The
admin has an action for it, "Undelete".

## What it does not stop

- Deleted rows are still rows: `Project.objects.all()` contains them. Filter where you list rows.
- A unique field is still taken by a deleted row. A `UniqueConstraint` with the condition
  `Q(deleted_at=None)` counts only the others.
- Rows without a `SoftDelete` rule that were deleted with the project do not come back.
"""

from tutorial.models import Project, Task


def run() -> None:
    import pgtrigger
    from datetime import timedelta
    from django.utils import timezone

    project = Project.objects.create(name='Garden')
    for text in ['dig', 'plant', 'fence']:
        Task.objects.create(project=project, text=text)

    # The fence was given up last week
    last_week = timezone.now() - timedelta(days=7)
    Task.objects.filter(text='fence').update(deleted_at=last_week)

    project.delete()
    print('left:', Task.objects.filter(deleted_at=None).count(), 'tasks')

    # Django took the key from the deleted object, so read the row
    project = Project.objects.get()
    print('restored:', pgtrigger.undelete(project))
    print('left:', list(Task.objects.filter(deleted_at=None).values_list('text', flat=True)))
