"""Event models with columns of the project."""

import pytest

from pghistory.models import AggregateEvent, Events
from tests.pghistory.models import Noted

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("timeline", [Events, AggregateEvent])
def test_data_and_diff_contain_the_columns_of_the_project(timeline):
    row = Noted.objects.create(name="a")
    event_model = Noted.pgh_event_model
    values = {"id": row.pk, "pgh_obj": row, "name": "b", "pgh_origin": "import"}
    event_model.objects.create(pgh_label="insert", note="by hand", **values)

    first, second = timeline.objects.target(row).order_by("pgh_id")

    assert first.pgh_data == {"id": row.pk, "name": "a", "note": None}
    assert first.pgh_diff is None
    assert second.pgh_data == {"id": row.pk, "name": "b", "note": "by hand"}
    assert second.pgh_diff == {"name": ["a", "b"], "note": [None, "by hand"]}


def test_an_event_of_the_old_row_is_compared_with_the_row_as_it_is():
    row = Noted.objects.create(name="a")
    Noted.objects.update(name="b")
    Noted.pgh_event_model.objects.filter(pgh_label="before").update(note="why")
    before = Events.objects.tracks(row).get(pgh_label="before")
    assert before.pgh_data == {"id": row.pk, "name": "a", "note": "why"}
    assert before.pgh_diff == {"name": ["a", "b"]}
