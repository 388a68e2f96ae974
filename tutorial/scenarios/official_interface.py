"""Official interfaces

Some operations must always go one way: a user is made by `create_user()`, an order by the service
that also reserves the stock. A comment that says so is easily missed. `pgtrigger.Protect`
together with `pgtrigger.ignore()` makes it so.

Inserts into `OfficialInterface` are protected. Its manager's `official_create()` is decorated
with `pgtrigger.ignore('tutorial.OfficialInterface:protect_inserts')`: inside it, and nowhere
else, that one rule is ignored, for this thread of execution alone.

How the database comes to know: while the block lasts, each transaction carries a setting of its
own, sent with `SET LOCAL`, that the trigger's function reads first. It ends with the transaction,
so nothing leaks to whoever uses the connection next.

Everything else that inserts is refused, the admin's "Add" button too. Try it.
"""

from tutorial.models import OfficialInterface


def run():
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
