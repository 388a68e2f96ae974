"""Tracking model history

A price is wrong, and nobody knows since when. An audit log in `save()` has no entry, because the
price was changed with `update()`.

Signals and `save()` do not see bulk operations, raw SQL and other programs. A history with gaps
cannot be trusted.

`pghistory` adds an *event table* beside the model's table, and triggers that insert a row into it
with every change, in the same transaction. `Tracked` has three trackers, each with its label:

- `snapshot`: the row after each insert, and after each update that changes something;
- `create`: the row after the insert;
- `low_int`: the row after each update that leaves `int_field` below 0.

`pghistory.context()` attaches data to all events in its block, here `misc='context'`: a request, a
job or a ticket.

An event model is a Django model, and `tracked.event` is a queryset. `AggregateEvent` compares each
event with the previous one of its label: `pgh_diff` says what changed. The tab Events shows one
entry for each write.

## What it does not stop

- It records, and refuses nothing. Combine it with the rules of the other chapters.
- A role that may write to the event table can change events. `append_only=True` refuses that.
- Deletions have no event unless you track them with `pghistory.DeleteEvent()`.
"""

from tutorial.models import Tracked


def run() -> None:
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
