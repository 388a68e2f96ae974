"""Optimistic locking with a version field

Two editors open the same document. The first saves. The second saves a minute later, and the
first's work is gone. Nobody sees an error.

`select_for_update()` cannot help: reading and saving are two requests, minutes apart, and no
transaction is open that long. If code compares versions by hand, one of the places that save will
forget it.

`pgtrigger.Version('version')` counts the changes of a row. `save()` sends the version that the
object was *read* with, and PostgreSQL compares it with the row in the same `UPDATE`, after it has
waited for the lock on the row. If the row has another version by now, the write is refused with
`StaleError`. Otherwise the `UPDATE` returns the new version, and the object can be saved again.

`error.version` is the version of the row, `error.based_on` that of the object. What to do is for
your code to decide: show both texts, or read the object again and repeat the change.

## What it does not stop

- `update()`, `bulk_update()` and SQL send no version. They count as a change and are not checked.
- An object that was read without its version, as with `defer('version')`.
- If the transaction is rolled back, the object has a version that the row does not have. Read it
  again.
"""

from tutorial.models import Document


def run() -> None:
    import pgtrigger

    Document.objects.create(text='We have begun.')
    mine = Document.objects.get()
    theirs = Document.objects.get()

    theirs.text = 'We began in May.'
    theirs.save()
    print('saved version', theirs.version)

    # I have not read what they wrote
    mine.text = 'We have just begun.'
    try:
        mine.save()
    except pgtrigger.StaleError as error:
        print('the row has version', error.version, 'and mine is based on', error.based_on)

    # Read it, and repeat the change
    mine.refresh_from_db()
    mine.text += ' Just now.'
    mine.save()
    print('saved version', mine.version, mine.text)

    # A save that changes nothing is not a change
    mine.save()
    print('still version', mine.version)
