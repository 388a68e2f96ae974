"""Limit the number of rows

A course has two seats, and three students: two requests counted at the same time, both found one
free seat, and both took it.

`if course.seat_set.count() < 2` is true for both, because neither sees the other's row before it
is committed. `ATOMIC_REQUESTS` does not change that, and a unique constraint knows only one row.

`pgtrigger.AtMost(2, per='course')` refuses the write that would leave more than two rows with the
same course. Before it counts, it locks the course, so the second request waits until the first has
committed, and then sees its row. `where` says which rows are counted: a cancelled seat is free.

The limit holds at every isolation level. At REPEATABLE READ and SERIALIZABLE, PostgreSQL may ask
one of two transactions to be repeated.

## What it does not stop

- A course that had too many seats before the rule keeps them. The rule refuses only what adds to
  them.
- Writers of the same course wait for each other, also if there are seats enough.
"""

from tutorial.models import Course, Seat


def run() -> None:
    import pgtrigger

    course = Course.objects.create(name='Drawing')

    for student in ['Ada', 'Grace', 'Edsger']:
        try:
            Seat.objects.create(course=course, student=student)
            print(student, 'has a seat')
        except pgtrigger.LimitError as error:
            print(student, 'has none:', error.message)

    # Many at once are too many too, and then none is written
    other = Course.objects.create(name='Painting')
    try:
        Seat.objects.bulk_create(Seat(course=other, student=name) for name in 'ABC')
    except pgtrigger.LimitError as error:
        print(error.operation, 'refused:', other.seat_set.count(), 'seats taken')

    # A cancelled seat is free
    Seat.objects.filter(student='Ada').update(is_cancelled=True)
    Seat.objects.create(course=course, student='Edsger')
    print('now Edsger has one')

    # And cannot be taken back
    try:
        Seat.objects.filter(student='Ada').update(is_cancelled=False)
    except pgtrigger.LimitError as error:
        print(error.trigger, 'refuses the', error.operation)
