"""Settings that any role may change do not change what a rule refuses or an event holds."""

import datetime

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction

import pghistory
import pgtrigger
from pghistory.models import Context
from tests.pghistory.models import StatementLevel

pytestmark = pytest.mark.django_db

# https://www.postgresql.org/docs/current/runtime-config-client.html
SETTINGS = (
    *("standard_conforming_strings = off", "backslash_quote = on", "escape_string_warning = off"),
    *("IntervalStyle = 'sql_standard'", "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Kathmandu'"),
    *("transform_null_equals = on", "array_nulls = off", "extra_float_digits = -15"),
    *("bytea_output = 'escape'", "xmloption = document", "row_security = off"),
    *("plpgsql.extra_errors = 'all'", "plpgsql.check_asserts = off", "search_path = ''"),
    *("default_text_search_config = 'pg_catalog.german'", "quote_all_identifiers = on"),
    *("check_function_bodies = off", "default_transaction_isolation = 'serializable'"),
    *("application_name = ''", "client_min_messages = error", "datestyle = 'German'"),
)
LATE = datetime.datetime(2026, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
FORBIDDEN = {
    "text": r"a\b'c",
    "span": datetime.timedelta(days=-1, hours=22),
    "day": datetime.date(2026, 5, 6),
    "at": LATE,
    "ratio": 1.1,
    "bytes": b"\\\x00\xff",
    "words": ["NULL", "a\\b"],
    "number": 7,
}


@pytest.fixture
def model(make_model):
    """A row of a model with a rule, at statement level, against one value of each field."""
    made = make_model(
        text=models.TextField(default=""),
        span=models.DurationField(default=datetime.timedelta()),
        day=models.DateField(default=datetime.date(2000, 1, 2)),
        at=models.DateTimeField(default=LATE - datetime.timedelta(days=1)),
        ratio=models.FloatField(default=0),
        bytes=models.BinaryField(default=b""),
        words=ArrayField(models.TextField(), default=list),
        number=models.IntegerField(null=True),
        triggers=[
            pgtrigger.Protect(
                name=f"no_{field}",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(**{f"new__{field}": value}),
                level=pgtrigger.Statement,
            )
            for field, value in FORBIDDEN.items()
        ],
    )
    made.objects.create()
    return made


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_value_is_refused(model, setting):
    """The values come from a row that has them, so that the setting does not change the write."""
    row, source = model.objects.get(), model.objects.create(**FORBIDDEN)
    table = f'public."{model._meta.db_table}"'
    execute(f"SET LOCAL {setting}")
    for field in FORBIDDEN:
        with pytest.raises(pgtrigger.ProtectedError) as raised, transaction.atomic():
            execute(
                f"UPDATE {table} AS t SET {field} = other.{field} FROM {table} AS other"
                f" WHERE t.id = {row.pk} AND other.id = {source.pk}"
            )
        assert raised.value.uri == f"{model._meta.label}:no_{field}"


@pytest.mark.parametrize("setting", SETTINGS)
def test_an_event_and_its_context_are_written_as_they_are(setting):
    text, table = "a\\b'c", f"public.{StatementLevel._meta.db_table}"
    with pghistory.context(text=text):
        StatementLevel.objects.create(number=1, text=text)
        execute(f"SET LOCAL {setting}")
        execute(f"UPDATE {table} SET number = 2")
        execute("SET LOCAL search_path = public; SET LOCAL DateStyle = 'ISO'")
    events = StatementLevel.pgh_event_model.objects.order_by("pgh_id")
    assert [(event.number, event.text) for event in events] == [(1, text), (2, text)]
    assert Context.objects.get().metadata == {"text": text}
