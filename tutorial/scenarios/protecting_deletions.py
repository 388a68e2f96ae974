"""Protecting model deletions

An invoice was deleted by a clean-up script, and nobody noticed before the audit. The check was in
the model's `delete()`, and the script called `delete()` on a queryset.

Django calls a model's `delete()` for one object only. A queryset, a cascade, a raw query, another
service and a person at `psql` never call it. A signal handler is not called by all of them either.

`pgtrigger.Protect` declares a trigger that raises an exception. You say for which operation, and
under which condition. `CannotDelete` has one for `pgtrigger.Delete`: PostgreSQL refuses each
deletion from its table, whatever sends it.

**Press Run.** The row is created, and the deletion is refused. Open the red line: the message, the
SQLSTATE, the table, the rule (as the *constraint*), the row's key and a hint are separate fields. A
log, another service or a form can read each of them.

## What it does not stop

- `TRUNCATE` is another operation. Add `pgtrigger.Truncate` in a rule at statement level.
- The owner of the table can drop or disable the trigger. `manage.py pgtrigger check` reports it.
- `pgtrigger.ignore()` skips the rule, unless it has `ignorable=False`.
"""

from tutorial.models import CannotDelete


def run() -> None:
    # This object cannot be deleted
    cannot_delete = CannotDelete.objects.create()
    cannot_delete.delete()
