"""Tracking model history

Who changed what, and when? Triggers can answer that for every write, whoever makes it.
`pghistory` is built on them: it makes an *event table* beside the model's own, and triggers that
add a row to it.

`Tracked` is tracked in three ways, each with a label of its own:

- `snapshot`: a copy of the row on each insert, and on each update that changes something;
- `create`: one when the row is created;
- `low_int`: one on each update that leaves `int_field` below 0.

`pghistory.context()` attaches whatever you like to the events inside its block, here
`misc='context'`: the request, the job or the ticket that a change belongs to.

An event model is a Django model, and `tracked.event` a queryset like any other. `AggregateEvent`
compares each event with the one before of its label, so `pgh_diff` says what changed.
"""

from tutorial.models import Tracked


def run():
    import pghistory.models
    import pprint

    # All changes to this model will be tracked, and we'll also track
    # other configured events
    tracked = Tracked.objects.create(int_field=1, char_field='hello')

    # Make 4 different changes
    tracked.char_field = 'hi'
    tracked.int_field = 0
    tracked.save()

    tracked.char_field = 'bye'
    tracked.save()

    # Let's add some context to these last events
    with pghistory.context(misc='context'):

        # Since int_field < 0, we'll start firing a "low_int" event here
        tracked.int_field = -1
        tracked.char_field = 'foo'
        tracked.save()

        tracked.char_field = 'bar'
        tracked.save()

    # Now that we've done our updates, let's explore the events. First,
    # let's print all of values of the tracked snapshots along with any
    # context
    print('snapshots')
    pprint.pprint(list(
        tracked.event
        .filter(pgh_label='snapshot')
        .values('int_field', 'char_field', 'pgh_context__metadata')
        .order_by('pgh_created_at')
    ))
    print()

    # Use the special AggregateEvent proxy model in pghistory to render
    # snapshot diffs
    print('diffs')
    pprint.pprint(list(
        pghistory.models.AggregateEvent.objects.target(tracked)
        .filter(pgh_label='snapshot')
        .values('pgh_diff')
        .order_by('pgh_created_at')
    ))
    print()

    create_events = tracked.event.filter(pgh_label='create').count()
    low_int_events = tracked.event.filter(pgh_label='low_int').count()
    print('create events', create_events)
    print('low_int events', low_int_events)
