"""The DETAIL of a rule's error, from SQL to Python."""

import pytest
from django.db import connection
from psycopg import sql

from pgtrigger.errors import NAMES, Detail, from_json, parse


@pytest.mark.django_db
def test_python_reads_the_values_that_postgresql_writes():
    written = Detail(**{name: sql.Literal(f"{name} \"'\\") for name in NAMES})
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(written.to_sql()))
        ((text,),) = cursor.fetchall()
    assert from_json(parse(text)) == Detail(**{name: f"{name} \"'\\" for name in NAMES})


def test_a_value_that_is_not_given_is_not_written():
    assert "based_on" not in Detail(uri=sql.Literal("a.B:c")).to_sql().as_string()


@pytest.mark.parametrize("text", [None, "", "Key (id)=(1)", "[1]", '{"rule": "protect"}'])
def test_a_text_that_no_rule_has_written_is_not_parsed(text):
    assert parse(text) is None


def test_a_key_of_the_users_own_function_is_left_out():
    assert from_json({"uri": "a.B:c", "mine": 1}) == Detail(uri="a.B:c")
