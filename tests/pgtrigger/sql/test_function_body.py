"""Bodies of functions: text in which names get their schema when they are installed."""

import pytest
from psycopg import sql

from pgtrigger.sql.function_body import (
    Body,
    InstallersPath,
    Operator,
    Quoted,
    Relation,
    SchemaOf,
    SearchPath,
    Target,
    TextSearch,
    dollar_quote,
    within_path,
)

TARGET = Target(
    "shop_order",
    schemas={"shop_order": "shop", "shop_item": "stock"},
    types={"citext": "extensions"},
    path=["shop", "Public"],
    configurations={"german": "pg_catalog.german"},
)


class TestBody:
    def test_texts_that_follow_one_another_are_one_part(self):
        body = Body("a ", sql.SQL("b {}").format(sql.Literal(1)), Body(" c"), Relation("t"), "d")
        assert body.parts == ("a b 1 c", Relation("t"), "d")

    def test_a_body_of_nothing_has_no_parts(self):
        assert Body().parts == ()
        assert Body(Relation("t")).parts == (Relation("t"),)

    @pytest.mark.parametrize(
        ("part", "expected"),
        [
            (Relation("shop_item"), '"stock"."shop_item"'),
            (Relation("other"), '"other"'),
            (Relation('"archive"."entry"'), '"archive"."entry"'),
            (Operator("=", "citext"), 'OPERATOR("extensions".=)'),
            (Operator("=", "unknown"), 'OPERATOR("public".=)'),
            (TextSearch("german"), "'pg_catalog.german'"),
            (TextSearch("other"), "'other'"),
            (SearchPath(("pg_catalog", SchemaOf("citext"))), "'pg_catalog, extensions'"),
            (SearchPath((InstallersPath(),)), "'shop, \"Public\"'"),
            (Quoted(Body("it's ", Relation("shop_item"))), "'it''s \"stock\".\"shop_item\"'"),
        ],
    )
    def test_a_part_is_rendered_with_the_schemas_of_the_target(self, part, expected):
        assert Body("x ", part, " y").render(TARGET) == f"x {expected} y"

    def test_the_names_of_a_body_are_found_inside_quoted_statements(self):
        inner = Body(Relation("a"), Operator("=", "citext"), TextSearch("german"))
        path = SearchPath(("pg_catalog", SchemaOf("hstore")))
        body = Body(Relation("b"), path, Quoted(inner))
        assert body.tables() == {"a", "b"}
        assert body.types() == {"citext", "hstore"}
        assert body.configurations() == {"german"}

    @pytest.mark.parametrize(
        ("places", "expected"),
        [((InstallersPath(),), True), (("pg_catalog",), False), ((SchemaOf("a"),), False)],
    )
    def test_a_body_knows_whether_it_needs_the_installers_path(self, places, expected):
        path = SearchPath(places)
        assert Body(path).reads_installers_path() is expected
        assert Body(Quoted(Body(path))).reads_installers_path() is expected
        assert Body("x", Relation("a")).reads_installers_path() is False


class TestTarget:
    def test_the_schema_is_the_tables_own_or_the_one_it_was_found_in(self):
        assert TARGET.schema == "shop"
        assert Target("other").schema is None
        assert Target('"archive"."entry"', {'"archive"."entry"': "no"}).schema == "archive"

    def test_a_function_is_in_the_schema_of_the_table(self):
        assert TARGET.function("f").as_string() == '"shop"."f"'
        assert Target("other").function("f").as_string() == '"f"'

    def test_each_schema_is_once_in_a_path(self):
        places = ("pg_catalog", SchemaOf("citext"), InstallersPath(), "shop", SchemaOf("unknown"))
        assert TARGET.search_path(places) == ["pg_catalog", "extensions", "shop", "Public"]


def test_a_text_is_quoted_with_a_tag_that_it_does_not_contain():
    assert dollar_quote("a") == "$pgtrigger$\na\n$pgtrigger$"
    assert dollar_quote("$pgtrigger$") == "$pgtrigger2$\n$pgtrigger$\n$pgtrigger2$"
    assert dollar_quote("$pgtrigger$ $pgtrigger2$").startswith("$pgtrigger3$\n")


def test_statements_within_a_path_restore_the_callers():
    text = within_path(["pg_catalog", "a-b"], "UPDATE t;").render(TARGET)
    assert text.splitlines() == [
        "pgtrigger_path := pg_catalog.current_setting('search_path');",
        """PERFORM pg_catalog.set_config('search_path', 'pg_catalog, "a-b"', true);""",
        "UPDATE t;pgtrigger_path := pg_catalog.set_config('search_path', pgtrigger_path, true);",
    ]
