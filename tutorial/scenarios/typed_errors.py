"""Typed errors: which rule refused?

A form should show "This number is final" beside the right field. The code searched the error's text
for the field's name, and stopped working after an upgrade.

`InternalError` and `IntegrityError` catch every refused write. There is also a class for each kind
of rule: `ProtectedError`, `ReadOnlyError` and `InvalidTransitionError`. All are
`pgtrigger.TriggerError`.

Each has attributes: the `trigger` by its declared name, the `model`, the `operation` and the row's
`key`. A read-only rule has the `fields`, a transition its `field`, `old` and `new`. They come from
the error's *detail*, a JSON object that the trigger's function raises, so programs in other
languages can read them too.

## What it does not stop

- Nothing: this chapter is about what you know after a write was refused.
- A function of your own that raises an exception without these fields becomes a `RaisedError`, with
  the text only.
"""

from tutorial.models import FSM, CannotDelete, Passport


def run() -> None:
    import pgtrigger
    from django.db import IntegrityError

    try:
        CannotDelete.objects.create().delete()
    except pgtrigger.ProtectedError as error:
        print(error.trigger, 'refuses', error.operation, 'of', error.model.__name__)

    passport = Passport.objects.create(number='C01X', holder='Ada')
    passport.number = 'C02Y'
    try:
        passport.save()
    except pgtrigger.ReadOnlyError as error:
        print(error.trigger, 'refuses a change of', error.fields)

    fsm = FSM.objects.create(status='inactive')
    fsm.status = 'published'
    try:
        fsm.save()
    except pgtrigger.InvalidTransitionError as error:
        print(error.trigger, 'refuses', error.field, 'from', error.old, 'to', error.new)

    # All of them at once
    for refused in [passport, fsm]:
        try:
            refused.save()
        except pgtrigger.TriggerError as error:
            print(type(error).__name__, isinstance(error, IntegrityError))
