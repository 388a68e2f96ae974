"""Versioning a model

Soft deletion put another operation in the place of one. A *before* trigger can also change the
row that is about to be written, and for that the base class `pgtrigger.Trigger` is enough: you
write the statements of the function, and the rest is made round them.

`Versioned` has two triggers. One increments `version` on each update, by changing `NEW` and
returning it; no further query is needed, because Postgres writes the row that the function
returns. Its condition leaves redundant updates out. The other protects `version` from being
edited by hand.

They do not disturb each other: Postgres fires triggers of one kind in the order of their names,
so `protect_version_edits` sees the row as you wrote it, before `versioned` has touched it.

What a before trigger returns matters: the row to write, or `NULL` for "leave this row out".
"""

from tutorial.models import Versioned


def run():
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
