"""Versioning a model

Two editors saved the same article, and the second overwrote the first. A version number shows such
a conflict, if every update increments it.

`version = F('version') + 1` in `save()` does not run for `update()` or in other programs. A number
that is only sometimes right is useless.

A *before* trigger can change the row that is about to be written. With the base class
`pgtrigger.Trigger` you write the statements of its function. `Versioned` has two triggers: one sets
`NEW.version` on each update and returns `NEW`, which PostgreSQL then writes, without a further
query. Its condition leaves out updates that change nothing. The other refuses a change of `version`
by hand.

PostgreSQL fires triggers of the same kind in the order of their names. So `protect_version_edits`
sees the row as you wrote it, before `versioned` changes it.

A before trigger returns the row to write, or `NULL` to leave this row out.

## What it does not stop

- Django does not know the new number until you call `refresh_from_db()`.
- The conflict itself: compare the number in your update, as in
  `filter(pk=pk, version=version).update(...)`, and look at how many rows it changed.
"""

from tutorial.models import Versioned


def run() -> None:
    from django.db import InternalError

    versioned = Versioned.objects.create(version=0, char_field='hello')
    print('initial version', versioned.version)

    # Updating the model results in a new version
    versioned.char_field = 'hi'
    versioned.save()
    versioned.refresh_from_db()
    print('version after first update', versioned.version)

    # Doing a redundant update does not bump the version
    versioned.save()
    versioned.refresh_from_db()
    print('version after redundant update', versioned.version)

    # Bump the version one more time
    versioned.char_field = 'new field'
    versioned.save()
    versioned.refresh_from_db()
    print('version after second update', versioned.version)

    # Try to edit the version. It will result in an error
    versioned.version = 1
    try:
        versioned.save()
    except InternalError:
        print('Cannot update version!')
