"""Deferred constraints

An import failed at `COMMIT` with a foreign key error, an hour after the wrong row was inserted. The
`try` around the `INSERT` caught nothing.

Django makes every foreign key `DEFERRABLE INITIALLY DEFERRED`: PostgreSQL checks it when the
transaction commits. So rows that refer to each other can be written in any order, and the error is
far from the line that caused it.

`integrity.constraints.immediate` checks the constraints that you name after each statement, inside
its block only. The error then comes with the `INSERT`, where it can be caught, and the transaction
goes on.

Outside a transaction `SET CONSTRAINTS` has no effect. There `immediate` raises `NotInTransaction`.

## What it does not stop

- Constraints that are not deferrable are always checked at once. Django's unique and check
  constraints are, unless you declare them `deferrable`.
- Errors after the block: what is checked at `COMMIT` still fails there.
"""

from tutorial.models import Author, Book


def run() -> None:
    from django.db import IntegrityError, transaction
    from integrity import constraints

    # There is no author 1. The INSERT passes, and the COMMIT does not
    try:
        with transaction.atomic():
            Book.objects.create(title='Unsigned', author_id=1)
            print('inserted')
    except IntegrityError:
        print('refused at COMMIT')

    # With the constraint made immediate, the INSERT is refused
    name = constraints.foreign_key_constraint_name(Book, 'author', using='default')
    with transaction.atomic():
        try:
            with transaction.atomic(), constraints.immediate(names=(name,), using='default'):
                Book.objects.create(title='Unsigned', author_id=1)
        except IntegrityError:
            print('refused at the INSERT')

        # ... and the transaction goes on
        ada = Author.objects.create(name='Ada')
        Book.objects.create(title='Notes', author=ada)

    print('books:', list(Book.objects.values_list('title', flat=True)))
