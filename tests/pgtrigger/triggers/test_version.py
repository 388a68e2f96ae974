"""``Version``: optimistic locking."""

import random

import pytest
from django.db import connection, models, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

import pgtrigger
from pgtrigger import DeclarationError, StaleError
from tests.pgtrigger.concurrent import at_every_level, race, with_connections

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(make_model):
    return make_model(
        text=models.CharField(max_length=20, default=""),
        number=models.IntegerField(default=0),
        version=models.IntegerField(default=0),
        triggers=[pgtrigger.Version("version")],
    )


def stale(obj, **options):
    with pytest.raises(StaleError) as raised, transaction.atomic():
        obj.save(**options)
    return raised.value


@pytest.mark.parametrize("options", [{}, {"update_fields": ["text"]}], ids=str)
def test_an_object_that_was_read_before_another_change_is_refused(document, options):
    mine = document.objects.create()
    theirs = document.objects.get()
    theirs.number = 1
    theirs.save()
    mine.text = "mine"
    error = stale(mine, **options)
    assert (error.version, error.based_on, error.key) == (1, 0, {"id": mine.pk})
    assert document.objects.values_list("text", "number", "version").get() == ("", 1, 1)


@pytest.mark.parametrize("options", [{}, {"update_fields": ["text"]}], ids=str)
def test_a_second_save_of_the_same_object_passes(document, options):
    obj = document.objects.create()
    for number in range(1, 4):
        obj.text = str(number)
        obj.save(**options)
        assert obj.version == number


def test_a_save_without_changes_does_not_count(document):
    obj = document.objects.create(text="x")
    obj.save()
    assert obj.version == 0
    obj.refresh_from_db()
    assert obj.version == 0


def test_the_new_version_comes_from_the_update_itself(document):
    obj = document.objects.create()
    obj.text = "x"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        obj.save()
        assert obj.version == 1
    assert [query["sql"].split()[0] for query in queries] == ["UPDATE"]
    assert "RETURNING" in queries[0]["sql"]


def test_a_write_without_the_object_counts_and_is_not_checked(document):
    obj = document.objects.create()
    document.objects.update(number=F("number") + 1)
    document.objects.bulk_update([document(pk=obj.pk, text="b")], ["text"])
    assert document.objects.get().version == 2
    stale(document(pk=obj.pk, version=1, text="c"), force_update=True)


def test_a_version_cannot_be_set(document):
    document.objects.create()
    with pytest.raises(StaleError), transaction.atomic():
        document.objects.update(version=7)


def test_an_object_without_its_version_is_not_checked(document):
    document.objects.create()
    obj = document.objects.defer("version").get()
    document.objects.update(number=5)
    obj.text = "x"
    obj.save()
    assert document.objects.get().version == 2


def test_a_refused_save_leaves_the_version_of_the_object(document):
    mine = document.objects.create()
    document.objects.update(number=1)
    mine.text = "x"
    stale(mine)
    assert mine.version == 0


def test_every_save_passes_or_is_refused_as_a_plain_calculation_says(document):
    chance = random.Random(7)
    row = document.objects.create()
    copies = [document.objects.get() for _ in range(4)]
    seen, stored, version = [0] * 4, (row.text, row.number), 0
    for _ in range(200):
        which = chance.randrange(4)
        obj = copies[which]
        if chance.random() < 0.3:
            obj.refresh_from_db()
            seen[which] = version
        obj.number, obj.text = chance.randrange(3), chance.choice(["", "a"])
        values = (obj.text, obj.number)
        if seen[which] != version:
            stale(obj)
            continue
        obj.save()
        if values != stored:
            version, stored = version + 1, values
        seen[which] = version
        assert obj.version == version
    assert document.objects.get().version == version


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        (models.CharField(max_length=9), "is a CharField"),
        (models.IntegerField(null=True), "not null"),
    ],
    ids=["text", "null"],
)
def test_a_field_that_cannot_be_counted_is_refused(make_model, field, reason):
    with pytest.raises(DeclarationError, match=reason):
        make_model(version=field, triggers=[pgtrigger.Version("version")])


@pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
@with_connections
@at_every_level
def test_no_change_is_lost(document, number, level):
    """Each connection reads, adds one, and writes with the version it has read."""
    document.objects.create()
    table = document._meta.db_table

    def write(own, chance):
        version, found = own.execute(f"SELECT version, number FROM {table}").fetchone()
        own.execute(f"UPDATE {table} SET number = %s, version = %s", (found + 1, version))

    refused = race(number, level, 10, write)
    row = document.objects.get()
    assert row.number == row.version == number * 10 - len(refused)
