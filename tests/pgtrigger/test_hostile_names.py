"""A name of the database is only a name, whatever its characters are: 22 names in 8 places."""

import pytest
from django.db import connection, models, transaction
from psycopg import sql

import pgtrigger
from integrity import conversion
from pgtrigger.roles import privileges
from pgtrigger.triggers import registry

pytestmark = pytest.mark.django_db

HARM = "a'; DROP TABLE pgtrigger_tests_protected; --"
NAMES = (
    *('quo"te', 'x"y"z', 'a""b', "a'b", "'", "''", "dol$$lar", "$pgtrigger$", "per%cent", "%s"),
    *("%(a)s", "br{a}ce", "{}", "back\\slash", "new\nline", "sp ace", "select", "Upper", "a.b"),
    *("🦉", HARM),
    "é" * 31,  # 62 bytes; PostgreSQL cuts names after 63
)


class Bad(Exception):
    pass


def execute(statement, *names, **values):
    """Run SQL in which names are identifiers."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names), **values))
        return cursor.fetchall() if cursor.description else None


def refuses(make_model, table, key="id", column="value", level=pgtrigger.Row):
    """Declare rules on a table of these names, install them, and try two writes."""
    model = make_model(
        table=False,
        key=models.IntegerField(primary_key=True, db_column=key),
        value=models.CharField(max_length=99, db_column=column),
        triggers=[
            pgtrigger.Protect(
                name="kept",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__value__df=pgtrigger.F("new__value"))
                & ~pgtrigger.Q(new__value=HARM),
                level=level,
            ),
            pgtrigger.Frozen(name="frozen", when=models.Q(key=2), level=level),
        ],
        meta={"managed": False, "db_table": table},
    )
    execute("CREATE TABLE {} ({} int PRIMARY KEY, {} text)", table, key, column)
    execute("INSERT INTO {} VALUES (1, 'a'), (2, 'a')", table)
    for trigger in registry.of_model(model):
        trigger.install(model)
        assert trigger.get_installation_status(model) == ("INSTALLED", True)
    update = "UPDATE {} SET {} = {value} WHERE {} = {row}"
    execute(update, table, column, key, value=sql.Literal(HARM), row=sql.Literal(1))
    refused = 0
    for row in (1, 2):
        with pytest.raises(pgtrigger.TriggerError) as raised, transaction.atomic():
            execute(update, table, column, key, value=sql.Literal("b"), row=sql.Literal(row))
        refused += raised.value.table == table
    for trigger in registry.of_model(model):
        trigger.uninstall(model)
    return refused == 2


def as_table(make_model, name):
    return refuses(make_model, name)


def as_column(make_model, name):
    return refuses(make_model, "t", column=name)


def as_column_of_a_statement_level_rule(make_model, name):
    return refuses(make_model, "t", column=name, level=pgtrigger.Statement)


def as_key(make_model, name):
    return refuses(make_model, "t", key=name)


def as_schema(make_model, name):
    execute("CREATE SCHEMA {}", name)
    execute("SET LOCAL search_path = {}, public", name)
    return refuses(make_model, "t")


def as_role(make_model, name):
    privileges.apply(privileges.Roles(app=name))
    assert privileges.plan(privileges.Roles(app=name)) == []
    execute("SET LOCAL ROLE {}", name)
    return execute("SELECT current_user::text") == [(name,)]


def as_search_path(make_model, name):
    execute("CREATE SCHEMA {}", name)
    with pgtrigger.schema(name):
        return execute("SELECT current_schema()::text") == [(name,)]


def as_constraint(make_model, name):
    execute("CREATE TABLE t (n int, CONSTRAINT {} CHECK (n > 0))", name)
    with (
        pytest.raises(Bad),
        transaction.atomic(),
        conversion.refine_integrity_error([(conversion.Named(name=name), Bad)]),
    ):
        execute("INSERT INTO t VALUES (0)")
    return True


PLACES = (
    *(as_table, as_column, as_column_of_a_statement_level_rule, as_key, as_schema, as_role),
    *(as_search_path, as_constraint),
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_it_is_only_a_name(make_model, record_property, name, place):
    assert place(make_model, name)
    assert execute("SELECT to_regclass('pgtrigger_tests_protected') IS NOT NULL") == [(True,)]
    record_property("hostile names", 1)
