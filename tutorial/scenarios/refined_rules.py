"""Refining a rule of a trigger

A broken rule is an integrity error like any other: it carries an SQLSTATE, a table and, as the
constraint, the name of the trigger. So the tool of the last chapter works for triggers as well.

`conversion.Trigger(model=FSM, name='validate_status_transitions')` matches the one rule, and
`publish()` raises what its callers understand: `AlreadyInactive`. Other errors come through as they
are.

Your code then speaks of your domain, and the database still has the last word: there is no moment
between a check and a write in which somebody else could change the row.
"""

from tutorial.models import FSM


def run():
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
