"""Composer: a trigger function for rows or statements

A shop notes what has to be ordered again. The trigger that writes the note is called ten thousand
times by the stocktaking at night, and once by a sale at the till. Should it be called for each row,
or for each statement?

A loop in Python after `update()` has to read the rows again, and does not know what they were.

`Composer` is a trigger whose function can be written for both levels. `level` chooses one. At
statement level, `{cond_new_values}` is the rows of the statement for which the condition is true,
so one `INSERT ... SELECT` writes all notes. At row level, `NEW` is the row.

`EXPLAIN (ANALYZE)` counts the calls, as `run()` shows. The benchmarks of this project give the time
(on one machine; `make bench` measures on yours):

| a write of 50,000 rows | row level | statement level |
|---|---|---|
| tracked `bulk_create()`: writes 50,000 events | 1.11 s | 0.82 s |
| tracked `update()` | 0.56 s | 0.34 s |
| tracked `delete()` | 0.42 s | 0.20 s |
| `FSM`, which writes nothing: `update()` | 0.11 s | 0.14 s |
| the same `update()` without a trigger | 0.09 s | 0.09 s |

A trigger that *writes* takes half to three quarters of the time at statement level. A rule that
only *compares* does not: joining the old and the new rows costs more than the calls.

## What it does not stop

- At statement level a row cannot be changed, and the trigger is called also if no row was written.
- At statement level a row whose primary key was changed has no pair of old and new, so
  `{cond_new_values}` does not contain it. The ready-made rules treat such a row.
"""

from tutorial.models import Reorder, Stock


def run() -> None:
    import copy

    import pgtrigger
    from django.db import connection

    def count_calls():
        with connection.cursor() as cursor:
            cursor.execute('''
                EXPLAIN (ANALYZE, FORMAT JSON)
                UPDATE tutorial_stock SET quantity = quantity - 3
            ''')
            plan = cursor.fetchone()[0][0]
            return sum(trigger['Calls'] for trigger in plan['Triggers'])

    # 1,000 items fall below 5: one call
    Stock.objects.bulk_create(Stock(item=f'item {n}', quantity=7) for n in range(1000))
    print('calls at statement level:', count_calls())
    print(Reorder.objects.count(), 'notes')

    # The same declaration at row level
    by_row = copy.copy(pgtrigger.registered('tutorial.Stock:reorder')[0][1])
    by_row.level = pgtrigger.Row
    by_row.install(Stock)
    Stock.objects.update(quantity=7)
    print('calls at row level:', count_calls())
    print(Reorder.objects.count(), 'notes')

    # As declared again
    pgtrigger.install('tutorial.Stock:reorder')
