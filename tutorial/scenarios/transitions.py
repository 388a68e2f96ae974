"""Restricting transitions

A status has states, and not every way from one to another makes sense. `pgtrigger.FSM` lists the
transitions there are, and refuses all others.

The model allows three: from `unpublished` to `published` or to `inactive`, and from `published`
to `inactive`. There is no way back from `inactive`. The picture is drawn from the declaration;
after a run it shows the state the row ended in, and crosses what was refused.

An update that leaves the field alone is no transition, and passes. What is refused says from
where to where, in the error's detail, and its hint lists what is allowed.
"""

from tutorial.models import FSM


def run():
    from django.db import InternalError

    # The "status" defaults to "unpublished"
    fsm = FSM.objects.create()

    # We are allowed to transition to "published"
    fsm.status = FSM.Status.PUBLISHED
    fsm.save()

    # We can go to "inactive"
    fsm.status = FSM.Status.INACTIVE
    fsm.save()

    # We cant go from "inactive" to "published"
    fsm.status = FSM.Status.PUBLISHED
    try:
        fsm.save()
    except InternalError:
        print('Cannot make that transition!')
