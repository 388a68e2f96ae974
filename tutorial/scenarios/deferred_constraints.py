"""Deferred constraints

Django makes every foreign key `DEFERRABLE INITIALLY DEFERRED`: Postgres checks it when the
transaction commits, and not before. That is what lets rows that refer to each other be written in
any order.

It has a price. A `try` round the `INSERT` catches nothing, because nothing is wrong yet; the
error comes at the `COMMIT`, far from the line that is to blame, and takes the whole transaction
with it.

`integrity.constraints.immediate` checks the constraints it is given right after each statement,
inside its block and nowhere else. The error then arrives at the `INSERT`, where it can be caught,
and the transaction goes on.

Outside a transaction `SET CONSTRAINTS` would do nothing at all. So that nobody relies on it
there, it raises `NotInTransaction`.
"""

from tutorial.models import Author, Book


def run():
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
