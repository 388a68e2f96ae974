"""Event tables that are partitioned until a test ends."""

import pytest
from django.core.management import call_command

from pghistory.keeping import partition_care, partitioning
from pghistory.past import views
from tests.pgtrigger.throwaway import execute


@pytest.fixture
def partitioned():
    """A function that partitions the events of a model, until the test ends."""
    models = []

    def convert(model, every=100):
        at(model, 1)
        views.set_aside("default")
        partitioning.convert(model.pgh_event_model, every, "default")
        views.install("default")
        models.append(model.pgh_event_model)
        return partition_care.Care(model.pgh_event_model, "default")

    yield convert
    call_command("flush", interactive=False, verbosity=0)  # which installs the views, too
    views.set_aside("default")
    for event_model in models:
        partitioning.restore(event_model, "default")
    views.install("default")


def at(model, key):
    """Let the next event have this key."""
    table = model.pgh_event_model._meta.db_table
    execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'pgh_id'), {key}, false)")
