"""The admin's timeline has one entry for each write."""

import re

import pytest
from django.db import transaction
from django.urls import reverse

from tests.pghistory.models import Order, OrderLine, RowLevel, Tracked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def entries(admin_client):
    def read(obj, key=None):
        url = reverse("admin:pghistory_timeline", args=[obj._meta.label, key or obj.pk])
        page = admin_client.get(url).content.decode()
        items = re.findall(r'<li id="event-.*?</li>', page, re.DOTALL)
        return [re.sub(r"<[^>]+>|\s+", " ", item) for item in items], page

    return read


def test_the_labels_of_one_write_are_tags_of_one_entry(entries):
    row = Tracked.objects.create(int_field=3, char_field="a")
    row.int_field = -3
    row.save()
    (changed, created), page = entries(row)
    assert {"snapshot", "low_int"} <= set(changed.split())
    assert " 3 " in changed
    assert " -3 " in changed
    assert {"snapshot", "create"} <= set(created.split())
    assert "Created with:" in created
    assert "No change" not in page


def test_two_writes_of_one_transaction_are_two_entries(entries):
    row = RowLevel.objects.create(number=1)
    for number in (2, 3):
        RowLevel.objects.update(number=number)
    found, _ = entries(row)
    assert len(found) == 3


def test_a_deletion_shows_what_the_row_contained(entries):
    row = RowLevel.objects.create(number=1, text="kept")
    key = row.pk
    row.delete()
    (deleted, _created), _ = entries(row, key)
    assert "Deleted; it contained:" in deleted
    assert "kept" in deleted


def test_a_change_and_a_deletion_in_one_transaction_are_two_entries(entries):
    row = RowLevel.objects.create(number=1)
    key = row.pk
    with transaction.atomic():
        row.number = 2
        row.save()
        row.delete()
    (deleted, changed, _created), _ = entries(row, key)
    assert "Deleted; it contained:" in deleted
    assert "update" in changed.split()


def test_times_have_seconds_and_a_time_zone(entries):
    found, _ = entries(RowLevel.objects.create(number=1))
    assert re.search(r"\d\d:\d\d:\d\d [A-Z]{2,}", found[0])


def test_rows_of_relations_are_added_and_removed(entries):
    order = Order.objects.create()
    line = OrderLine.objects.create(order=order, text="two boxes")
    key = line.pk
    line.delete()
    (removed, added, created), page = entries(order)
    assert f"Added to lines: {key} ".split() == added.split()[added.split().index("Added") :][:4]
    assert "Removed from lines:" in removed
    assert "two boxes" in added
    assert "Created with:" in created
    assert page.count("Revert to this") == 0
