"""Deferred triggers: rules at COMMIT

A transfer has two postings: 100 from one account, 100 to another. A rule says that they add up to
0. The first posting alone breaks it, so nothing can be written at all.

A `CheckConstraint` sees one row. A check in Python before the COMMIT runs only in code that calls
it.

With `timing=pgtrigger.Deferred`, a trigger fires at the COMMIT, once for each row. Until then the
rows may be wrong. At the COMMIT they must be right, no matter which program wrote them. It has to
be a row-level `After` trigger: it is a *constraint trigger* of PostgreSQL.

`balanced` has a function written here. `pgtrigger.Func` fills in the names of table and columns. An
exception that it raises becomes `pgtrigger.RaisedError`.

`pgtrigger.constraints(pgtrigger.Immediate, ...)` makes a rule fire at once until the end of the
transaction, so that you can catch the error where it happens.

## What it does not stop

- Two transactions that each see only their own postings. Lock a row of the transfer first, or use
  SERIALIZABLE.
- The deletion of a posting: the rule is about INSERT and UPDATE. Add `Protect` for DELETE.
- A rule that is ignored at the COMMIT: `ignore()` counts when the rule fires.
"""

from tutorial.models import Posting


def run():
    import pgtrigger
    from django.db import transaction

    try:
        with transaction.atomic():
            Posting.objects.create(transfer=1, account='cash', amount=-100)
            print('written, and not yet checked')
    except pgtrigger.RaisedError as error:
        print('refused at the COMMIT:', str(error).splitlines()[0])

    with transaction.atomic():
        Posting.objects.create(transfer=2, account='cash', amount=-100)
        Posting.objects.create(transfer=2, account='bank', amount=100)
    print('committed:', Posting.objects.count(), 'postings')

    # At once, to catch it where it happens
    with transaction.atomic():
        pgtrigger.constraints(pgtrigger.Immediate, 'tutorial.Posting:balanced')
        try:
            with transaction.atomic():
                Posting.objects.filter(account='bank').update(amount=1)
        except pgtrigger.RaisedError as error:
            print('refused at the UPDATE:', str(error).splitlines()[0])
