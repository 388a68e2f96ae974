"""Restricting transitions

A published article was set back to draft by a script, and nobody noticed for a week. The check was
in `save()`, and the script used `update()`.

A state machine in Python checks the objects that pass through it. `update()`, `bulk_update()` and
SQL change the column without it.

`pgtrigger.FSM` lists the transitions that a field may take, and PostgreSQL refuses all others. The
model allows three: from `unpublished` to `published` or `inactive`, and from `published` to
`inactive`. Nothing leaves `inactive`. The picture is drawn from the declaration. After a run it
shows the last state of the row, and a cross on the transition that was refused.

An update that does not change the field is not a transition, and passes. The error's detail
contains both states, and its hint lists the transitions that are allowed.

## What it does not stop

- An INSERT may have any state: the rule is about updates. Add a `Protect` with a condition for
  `pgtrigger.Insert`.
- Values outside the choices, if they are inserted. A `CheckConstraint` refuses those.
"""

from tutorial.models import FSM


def run() -> None:
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
