"""Protecting model deletions

`pgtrigger.Protect` is a trigger that raises an exception: it protects a table from an operation.
Which operation, and under what condition, is yours to say.

The `CannotDelete` model declares one in its `Meta`. Nothing is deleted from its table any more:
not by `delete()`, not by a queryset, not by the admin, and not by somebody at a `psql` prompt.
`makemigrations` sees the declaration as it sees a field, and `migrate` installs it.

**Press Run.** The row is created; the deletion fails loudly. The message is Postgres' own, and so
is everything beneath it: the SQLSTATE, the table, the name of the rule that was broken (as the
*constraint*), the row's key and a hint. A log, another service or a form can read each of them
without taking a sentence apart.

A check in `delete()` is easily gone round, by a bulk operation or by whoever does not know of it.
A rule in the database holds for everybody who writes.
"""

from tutorial.models import CannotDelete


def run():
    # This object cannot be deleted
    cannot_delete = CannotDelete.objects.create()
    cannot_delete.delete()
