"""Transitions under a condition

Every trigger takes a condition, `pgtrigger.FSM` as well. A `Review` goes from `open` to
`accepted` or `declined` and stays there, *unless* it is a rehearsal: where `is_rehearsal` is
true, any transition passes.

The condition reads the row as it was, `old__is_rehearsal`. Had it read `new__…`, whoever wants a
forbidden transition would only have to turn the flag on in the same update. Try that in the
sandbox below.
"""

from tutorial.models import Review


def run():
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
