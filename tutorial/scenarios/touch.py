"""The time of the last change (updated_at)

A job sends all notes that have changed since yesterday to a search engine. Some never arrive: they
were changed with `update()`, and their `updated_at` is a year old.

`auto_now` sets the field in `save()`, so `update()`, `bulk_update()` and SQL leave it as it is.
`save()` also sets it if nothing was changed, and the note is sent again for nothing.

`pgtrigger.Touch('updated_at')` sets the field in the database to the time of the transaction, if a
row is inserted or a change differs from the row before. The object in Python has the value after
`save()`, because the `UPDATE` returns it: there is no further query.

A chapter has no time to wait, so this one writes an old time, inside `pgtrigger.ignore()`.

## What it does not stop

- A write inside `ignore()` sets any time, as the code shows. `ignorable=False` refuses that.
- The time is the *start* of the transaction. A transaction that commits later can have an earlier
  time than one that you have already seen: read a little further back than the last run.
"""

from tutorial.models import Note


def run() -> None:
    import pgtrigger
    from django.utils import timezone

    def make_old():
        with pgtrigger.ignore('tutorial.Note:touch_updated_at'):
            Note.objects.update(updated_at=timezone.make_aware(timezone.datetime(2001, 1, 1)))

    note = Note.objects.create(text='milk')
    print('set on insert:', note.updated_at is not None)

    # update() is a change
    make_old()
    Note.objects.update(text='milk and bread')
    note.refresh_from_db()
    print('after update():', note.updated_at.year > 2001)

    # A save that changes nothing is not
    make_old()
    note.refresh_from_db()
    note.save()
    print('after a save without a change:', note.updated_at.year)

    # Nobody writes the time by hand
    Note.objects.update(updated_at=timezone.make_aware(timezone.datetime(1999, 1, 1)))
    print('set by hand:', Note.objects.filter(updated_at__year=1999).count(), 'notes of 1999')
