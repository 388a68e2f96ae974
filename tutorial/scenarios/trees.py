"""Prevent cycles in a tree

A folder was moved into one of its subfolders. Since then the page with all folders does not
end: it follows `parent` forever, and the two folders appear in no list.

A check in `clean()` walks up to the root before it moves a folder. Two people who move two folders
at the same time, each into the other, both pass it. And `update()` does not call it.

`pgtrigger.NoCycle('parent')` walks up in the database, after the write and before the COMMIT. It
raises `CycleError` if a row is its own ancestor. It locks the ancestors of the new place
until the end of the transaction, so two moves cannot form a cycle together.

## What it does not stop

- A cycle that exists already. Moving a folder out of it passes.
- Two moves at the same time may end in a deadlock, which PostgreSQL detects. Repeat the
  transaction.
- A tree that grows deep. The rule costs one step for each ancestor.
"""

from tutorial.models import Folder


def run() -> None:
    import pgtrigger

    home = Folder.objects.create(name='home')
    work = Folder.objects.create(name='work', parent=home)
    letters = Folder.objects.create(name='letters', parent=work)

    # Into itself
    home.parent = home
    try:
        home.save()
    except pgtrigger.CycleError as error:
        print(type(error).__name__, error.field)

    # Into a folder far below
    try:
        Folder.objects.filter(pk=home.pk).update(parent=letters)
    except pgtrigger.CycleError as error:
        print(error.trigger, 'refuses the', error.operation)

    # Up is allowed
    letters.parent = home
    letters.save()
    print('letters is in', Folder.objects.get(name='letters').parent.name)
