"""Reading a query: its statements are the same however often and in whatever form it is given."""

import pytest
from psycopg import sql

from pgtrigger.session.statements import statements

QUERIES = {
    "SELECT 1": ["select"],
    "/* SELECT */ update a set b = 1": ["update"],
    "SELECT 1; DELETE FROM a": ["select", "delete"],
    "": [],
    "INSERT INTO a VALUES " + ", ".join(["(%s)"] * 2_000): ["insert"],
}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_is_read_again_has_the_same_statements(query):
    for _ in range(2):
        assert [statement.first_word for statement in statements(query)] == QUERIES[query]


@pytest.mark.parametrize("form", [str, str.encode, sql.SQL], ids=["text", "bytes", "composed"])
def test_a_query_is_read_in_each_form(form):
    assert [each.first_word for each in statements(form("DELETE FROM a"))] == ["delete"]
