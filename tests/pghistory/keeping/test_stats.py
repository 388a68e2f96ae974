"""``manage.py pghistory stats``."""

import io
import json

import pytest
from django.core.management import call_command
from django.db import connection

from pghistory.models import Events
from tests.pghistory.models import StatementLevel

pytestmark = pytest.mark.django_db
LABEL = "pghistory_tests.StatementLevel"


def stats(*arguments, **options):
    out = io.StringIO()
    call_command("pghistory", "stats", *arguments, stdout=out, **options)
    return out.getvalue()


def test_rows_bytes_growth_and_the_oldest_event():
    row = StatementLevel.objects.create(number=1)
    StatementLevel.objects.update(number=2)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE pghistory_tests_statementlevelevent")
    [found] = json.loads(stats(LABEL, format="json"))
    first, last = Events.objects.tracks(row).order_by("pgh_id")
    assert (found["event_model"], found["rows"], found["last_day"]) == (f"{LABEL}Event", 2, 2)
    assert found["bytes"] > 0
    assert found["oldest"] == first.pgh_created_at.isoformat()
    assert found["newest"] == last.pgh_created_at.isoformat()


def test_the_table_has_a_header():
    header, line = stats(LABEL).splitlines()
    assert header.split() == [
        *("event", "model", "rows", "bytes", "last", "day", "oldest", "event"),
        *("left", "default"),
    ]
    assert line.startswith(f"{LABEL}Event")


def test_all_event_tables_the_largest_first():
    found = [each["bytes"] for each in json.loads(stats(format="json"))]
    assert len(found) > 10
    assert found == sorted(found, reverse=True)
