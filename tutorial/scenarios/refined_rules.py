"""Handle the error of a trigger

`publish()` raised `InternalError`, and its callers could not tell a forbidden transition from a bug
in the database.

A check before the write is not enough: another transaction can change the row between the check and
the write.

A refused write is an integrity error with an SQLSTATE, a table and, as the constraint, the name of
the rule. So `refine_integrity_error` works for triggers too.
`conversion.Trigger(model=FSM, name='validate_status_transitions')` matches this one rule, and
`publish()` raises `AlreadyInactive`. Other errors are raised unchanged.

## What it does not stop

- Errors of triggers that were written by hand and give no constraint name. Use
  `RAISE EXCEPTION ... USING CONSTRAINT = ...` in them.
"""

from tutorial.models import FSM


def run() -> None:
    from integrity import conversion

    class AlreadyInactive(Exception): ...

    def publish(fsm):
        rule = conversion.Trigger(model=FSM, name='validate_status_transitions')
        with conversion.refine_integrity_error([(rule, AlreadyInactive)]):
            fsm.status = FSM.Status.PUBLISHED
            fsm.save()

    publish(FSM.objects.create())
    print('published')

    try:
        publish(FSM.objects.create(status=FSM.Status.INACTIVE))
    except AlreadyInactive as error:
        print('AlreadyInactive, because of', type(error.__cause__).__name__)
