"""Statement level and row level write the same events, whatever the statements are."""

from collections import Counter

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.pghistory.models import RowLevel, StatementLevel

numbers = st.integers(0, 5)
keys = st.integers(1, 6)
statements = st.one_of(
    st.tuples(
        st.just(
            "INSERT INTO {t} (id, number) SELECT k, %s FROM generate_series(%s, %s) k "
            "ON CONFLICT (id) DO UPDATE SET number = EXCLUDED.number"
        ),
        st.tuples(numbers, keys, keys),
    ),
    st.tuples(
        st.just("UPDATE {t} SET number = %s, text = NULLIF(%s, 'x') WHERE id >= %s"),
        st.tuples(numbers, st.sampled_from("xy"), keys),
    ),
    # Keys that change, among themselves too.
    st.tuples(st.just("UPDATE {t} SET id = %s - id WHERE id < %s"), st.tuples(st.just(7), keys)),
    st.tuples(
        st.just("UPDATE {t} SET id = id + %s, number = id"), st.tuples(st.sampled_from([50]))
    ),
    st.tuples(st.just("DELETE FROM {t} WHERE number < %s"), st.tuples(numbers)),
    st.tuples(
        st.just(
            "WITH gone AS (DELETE FROM {t} WHERE id = %s RETURNING id) "
            "UPDATE {t} SET number = number + 1 WHERE id <> %s"
        ),
        st.tuples(keys, keys),
    ),
    st.tuples(st.just("TRUNCATE {t}"), st.just(())),
)


@pytest.mark.django_db
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(statements, max_size=8))
def test_both_levels_write_the_same_events(script):
    with transaction.atomic():
        found = [_events(model, script) for model in (RowLevel, StatementLevel)]
        transaction.set_rollback(True)
    assert found[0] == found[1]


def _events(model, script):
    """The events of each statement: their order within one is nobody's promise."""
    event_model = model.pgh_event_model
    by_statement, last = [], 0
    for statement, params in script:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement.format(t=model._meta.db_table), params)
        except IntegrityError:
            pass
        events = event_model.objects.filter(pgh_id__gt=last).order_by("pgh_id")
        rows = list(events.values_list("pgh_label", "pgh_obj_id", "id", "number", "text"))
        by_statement.append(Counter(rows))
        last = max(event_model.objects.values_list("pgh_id", flat=True), default=0)
    return by_statement
