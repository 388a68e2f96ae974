"""State machine with a condition

In training, people open and close reviews as often as they like. In production a decision is final.
Both use the same table.

An `if` in Python must be repeated in every place that writes, and each place must know the row as
it was before.

Every trigger takes a condition, also `pgtrigger.FSM`. A `Review` goes from `open` to `accepted` or
`declined` and stays there, unless `is_rehearsal` is true: then every transition passes.

The condition reads the row as it was, `old__is_rehearsal`. With `new__is_rehearsal`, the same
update could turn the flag on and change the status. Try it in the sandbox.

## What it does not stop

- Two updates: the first sets `is_rehearsal`, the second changes the status. Make `is_rehearsal`
  read-only, as the exercise asks.
"""

from tutorial.models import Review


def run() -> None:
    from django.db import InternalError

    # In a rehearsal, one may change one's mind
    rehearsal = Review.objects.create(is_rehearsal=True)
    rehearsal.status = Review.Status.DECLINED
    rehearsal.save()
    rehearsal.status = Review.Status.OPEN
    rehearsal.save()
    print('rehearsal is', rehearsal.status, 'again')

    # In earnest, what is declined stays declined
    review = Review.objects.create()
    review.status = Review.Status.DECLINED
    review.save()
    review.status = Review.Status.OPEN
    try:
        review.save()
    except InternalError:
        print('Cannot open it again!')

    # Calling it a rehearsal afterwards does not help
    review.is_rehearsal = True
    try:
        review.save()
    except InternalError:
        print('Cannot open it like that either!')
