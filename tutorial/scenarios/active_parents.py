"""Active rows of deleted parents

A department was deleted, and its employees with it. Yet somebody works in it now: a moment after
the deletion, a form that was still open added an employee.

Soft deletion is an UPDATE, so the foreign key does not object: the department is still there.
Django marks the employees that it finds, and then the department. It cannot find one that another
transaction is about to add, and a `DELETE` in SQL marks no employee at all.

`pgtrigger.ActiveParent('department')` is a rule about both tables. An active employee of a deleted
department is refused with `RequirementError`, whether it is added, moved or restored. A department
is not deleted while active employees refer to it: `ProtectedError`. A row is active if its
`SoftDelete` rule has not marked it.

Both writes lock the department. So if an employee is added while the department is deleted, one of
the two waits for the other.

## What it does not stop

- At REPEATABLE READ and SERIALIZABLE a soft deletion is refused with a hint, because it does not
  see the employees that others add. `update_parent=True` allows it, and then writers of one
  department wait for each other.
- Rows that were active before the rule was installed. Look for them once.
"""

from tutorial.models import Department, Employee


def run() -> None:
    import pgtrigger

    sales = Department.objects.create(name='Sales')
    Employee.objects.create(department=sales, name='Ada')

    # In SQL, nobody marks Ada first
    try:
        Department.objects.filter(name='Sales')._raw_delete('default')
    except pgtrigger.ProtectedError as error:
        print(type(error).__name__, error.trigger)

    # Django does
    sales.delete()
    print('active:', Employee.objects.filter(deleted_at=None).count())

    # Nobody is added
    sales = Department.objects.get()
    try:
        Employee.objects.create(department=sales, name='Grace')
    except pgtrigger.RequirementError as error:
        print('Grace:', error.message)

    # And nobody is restored without the department
    try:
        Employee.objects.filter(name='Ada').update(deleted_at=None)
    except pgtrigger.RequirementError as error:
        print('Ada:', error.message)

    # With it, she is
    print(pgtrigger.undelete(sales))
