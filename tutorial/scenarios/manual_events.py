"""Manual events and excluded fields

An audit found the passwords of all users, in the history of their accounts. And it asked who had
logged in, which no row says.

A history that copies every column copies secrets too. And a login, a download or a view changes no
row, so there is nothing to track.

`exclude` keeps fields out of the event table: it has no such column. An update that changes only
excluded fields is not an event. If it must be known *that* they changed, mask them: that is the
next chapter.

`pghistory.ManualEvent('logged_in')` declares a label that no trigger writes.
`pghistory.create_event(account, label='logged_in')` writes it, with the row as the object has it
and with the open context.

## What it does not stop

- A password in the *context*: metadata are stored as you pass them.
- Events without a field cannot be reverted completely, and `as_of()` refuses their table.
- What was written before `exclude` was added. The migration drops the column of the event table.
"""

from tutorial.models import Account


def run():
    import pghistory

    account = Account.objects.create(email='ada@example.org', password='secret')

    # Nothing that is tracked changes
    account.password = 'another secret'
    account.save()

    account.email = 'ada@example.com'
    account.save()

    # A login changes no row
    with pghistory.context(address='192.0.2.7'):
        pghistory.create_event(account, label='logged_in')

    for event in account.events.order_by('pgh_id'):
        print(event.pgh_label, event.email, event.pgh_context and event.pgh_context.metadata)

    print(hasattr(account.events.first(), 'password'))
