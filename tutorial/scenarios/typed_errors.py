"""Errors with a type

`InternalError` catches a broken rule, and so does `IntegrityError`. Where you want to know which
rule it was, there is a class for each kind: `ProtectedError`, `ReadOnlyError` and
`InvalidTransitionError`, all of them a `pgtrigger.TriggerError`.

Each has attributes for what your code would otherwise cut out of a sentence: the `trigger` by its
declared name, the `model`, the `operation` and the row's `key`; a read-only rule knows the
`fields`, a transition its `field`, `old` and `new`.

They are read from the *detail* that the trigger's function raises, which is a small JSON object.
So they are the same for whoever else reads Postgres' errors, in whatever language.
"""

from tutorial.models import FSM, CannotDelete, Passport


def run():
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
