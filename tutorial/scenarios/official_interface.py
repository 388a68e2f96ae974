"""Official interfaces

An order was created without reserving the stock, because a new view called `create()` and not the
service that does both.

A comment or a leading underscore asks people to use the service. Nothing happens if they do not.

`pgtrigger.Protect` refuses the operation, and `pgtrigger.ignore()` allows it in one place. Inserts
into `OfficialInterface` are protected. Its manager's `official_create()` is decorated with
`pgtrigger.ignore('tutorial.OfficialInterface:protect_inserts')`: inside it, and only in this thread
or task, the rule is ignored.

`ignore()` is sent to PostgreSQL with `SET LOCAL` in each transaction of the block, and the
trigger's function reads it. It ends with the transaction, so it does not affect the next user of
the connection.

Every other INSERT is refused, also from the admin's "Add" button.

## What it does not stop

- Code that calls `pgtrigger.ignore()` itself. Search for it in reviews.
- Mistakes inside the official method. The rule only says from where a row may be inserted.
"""

from tutorial.models import OfficialInterface


def run() -> None:
    from django.db import InternalError

    num_objects = OfficialInterface.objects.count()
    try:
        OfficialInterface.objects.create()
    except InternalError:
        print('No no no... Cannot use that interface!')
        assert OfficialInterface.objects.count() == num_objects

    # We can create the object using the official interface
    obj = OfficialInterface.objects.official_create()
    print('created', obj)
    assert OfficialInterface.objects.count() == num_objects + 1
