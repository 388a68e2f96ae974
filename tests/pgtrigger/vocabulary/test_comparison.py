"""Comparison: what counts as a change, for each type of column. See docs/equality.md."""

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import NotSupportedError, connection, models, transaction

import pgtrigger
from tests.pgtrigger.throwaway import execute

LEVELS = [pgtrigger.Row, pgtrigger.Statement]
BY_CASE = {"db_collation": "ignores_case"}


class Column(models.Field):
    """A column of any type of PostgreSQL's."""

    def __init__(self, kind="integer", **kwargs):
        self.kind = kind
        super().__init__(**kwargs)

    def deconstruct(self):
        name, path, _, kwargs = super().deconstruct()
        return name, path, [self.kind], kwargs

    def db_type(self, connection):
        return self.kind


@pytest.fixture
def types(db):
    """Extension types, and types of the project's own."""
    for name in ("citext", "hstore", "ltree", "cube"):
        execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
    execute("CREATE DOMAIN email AS citext")
    execute("CREATE DOMAIN document AS json")
    execute("CREATE TYPE place AS (name text, at point)")


CHANGES = [
    (models.TextField(null=True, **BY_CASE), "'a'", "'A'"),
    (models.CharField(max_length=9, null=True, **BY_CASE), "'a'", "'A'"),
    (ArrayField(models.TextField(**BY_CASE), null=True), "'{a,NULL}'", "'{A,NULL}'"),
    (Column("text", null=True), "'a'", "'A'"),
    (Column("citext", null=True), "'a'", "'A'"),
    (Column("citext[]", null=True), "'{a}'", "'{A}'"),
    (Column("email", null=True), "'a@b'", "'A@b'"),
    (Column("bpchar", null=True), "'a'", "'a '"),
    (Column("json", null=True), "'{\"a\": 1}'", "'{\"a\": 2}'"),
    (Column("json", null=True), r"""'{"a": "\u0000"}'""", r"""'{"b": "\u0000"}'"""),
    (Column("json", null=True), "'[1e99999]'", "'[1e99998]'"),
    (Column("json[]", null=True), "ARRAY['1'::json]", "ARRAY['2'::json]"),
    (Column("document", null=True), "'1'", "'2'"),
    (Column("jsonb", null=True), "'null'", "NULL"),
    (Column("jsonpath", null=True), "'$.a'", "'$.b'"),
    (Column("xml", null=True), "'<a/>'", "'<b/>'"),
    (Column("point", null=True), "'1,2'", "'2,1'"),
    (Column("box", null=True), "'(0,0),(2,2)'", "'(0,0),(1,4)'"),
    (Column("circle", null=True), "'<(0,0),1>'", "'<(9,9),1>'"),
    (Column("path", null=True), "'[(0,0),(1,1)]'", "'[(0,0),(2,2)]'"),
    (Column("polygon", null=True), "'((0,0),(1,1))'", "'((0,0),(2,2))'"),
    (Column("lseg", null=True), "'[(0,0),(1,1)]'", "'[(0,0),(2,2)]'"),
    (Column("line", null=True), "'{1,2,3}'", "'{2,4,7}'"),
    (Column("hstore", null=True), "'a=>1'", "'a=>2'"),
    (Column("ltree", null=True), "'a.b'", "'a.c'"),
    (Column("lquery", null=True), "'a.*'", "'a.b'"),
    (Column("cube", null=True), "'(1,2)'", "'(1,3)'"),
    (Column("mood", null=True), "'sad'", "'happy'"),
    (Column("place", null=True), "('x', '1,1')", "('x', '1,2')"),
    (Column("place", null=True), "(NULL, NULL)", "NULL"),
    (Column("txid_snapshot", null=True), "'10:20:'", "'10:21:'"),
    (Column("numeric", null=True), "1.0", "1.1"),
    (Column("interval", null=True), "'1 day'", "'25 hours'"),
    (Column("double precision", null=True), "'NaN'", "1"),
    (Column("int4range", null=True), "'[1,2)'", "'[1,3)'"),
    (Column("timestamp(3) with time zone", null=True), "'2000-01-01'", "'2000-01-02'"),
]

SAME = [
    (models.TextField(null=True, **BY_CASE), "'a'", "'a'"),
    (Column("citext", null=True), "'a'", "'a'"),
    (Column("numeric", null=True), "1.0", "1.00"),
    (Column("interval", null=True), "'1 day'", "'24 hours'"),
    (Column("interval", null=True), "'1 month'", "'30 days'"),
    (Column("double precision", null=True), "0", "-0.0"),
    (Column("double precision", null=True), "'NaN'", "'NaN'"),
    (Column("jsonb", null=True), "'[1.0]'", "'[1.00]'"),
    (Column("json", null=True), "'{\"a\":1}'", "'{\"a\" : 1}'"),
    (Column("json", null=True), r"""'"\u0000"'""", r"""'"\u0000"'"""),
    # A bitmap of NULLs stays with an array that has no NULL any more.
    (Column("integer[]", null=True), "array_remove('{1,NULL}'::int[], NULL)", "'{1}'"),
    (Column("citext[]", null=True), "array_remove('{a,NULL}'::citext[], NULL)", "'{a}'"),
    (Column("json[]", null=True), "(ARRAY[NULL, '1'::json])[2:2]", "ARRAY['1'::json]"),
    (Column("cube", null=True), "cube(ARRAY[1,1], ARRAY[1,1])", "'(1,1)'"),
    (Column("hstore", null=True), "'a=>1,b=>2'", "'b=>2,a=>1'"),
]


def identify(value):
    return value.db_type(connection) if isinstance(value, models.Field) else None


@pytest.fixture(params=LEVELS, ids=str)
def is_change(request, types, make_model):
    """``is_change(field, old, new)``: whether a rule on the field refuses the update.

    One row is updated, and several; with nothing in the search_path, as in a pinned function.
    Without ``new``, the row is given the text that PostgreSQL prints of it, as a save does.
    """

    def is_change(field, old, new=None):
        prepare(field)
        rule = pgtrigger.ReadOnly(name="kept", fields=["value"], level=request.param)
        model = make_model(value=field.clone(), number=models.IntegerField(), triggers=[rule])
        table = f'public."{model._meta.db_table}"'
        execute(f"INSERT INTO {table} (value, number) VALUES ({old}, 1), ({old}, 2)")
        given = f"(SELECT value FROM {table} WHERE number = 0)"
        if new is None:
            [[printed]] = execute(f"SELECT quote_nullable(value::text) FROM {table} LIMIT 1")
            given = printed.replace("%", "%%")
        else:
            execute(f"INSERT INTO {table} (value, number) VALUES ({new}, 0)")
        execute("SET LOCAL search_path = ''")
        answers = [_refuses(table, given, where) for where in ("number = 1", "number > 0")]
        execute("SET LOCAL search_path = public")
        assert answers[0] == answers[1]
        return answers[0]

    return is_change


def prepare(field):
    """Create the field's collation. Skip what the server, as the embedded one, is built without."""
    try:
        with transaction.atomic():
            if field.db_parameters(connection).get("collation"):
                execute(
                    "CREATE COLLATION IF NOT EXISTS ignores_case"
                    " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
                )
            if field.db_type(connection) == "xml":
                execute("SELECT '<a/>'::xml")
    except NotSupportedError as error:
        pytest.skip(f"{error}: run it with DATABASE_URL of another server")


def _refuses(table, given, where):
    try:
        with transaction.atomic():
            execute(f"UPDATE {table} SET value = {given} WHERE {where}")
    except pgtrigger.ReadOnlyError as error:
        return error.fields == ["value"]
    return False


@pytest.mark.parametrize(("field", "old", "new"), CHANGES, ids=identify)
def test_another_value_is_a_change(is_change, field, old, new):
    assert is_change(field, old, new)
    assert is_change(field, new, old)


@pytest.mark.parametrize(("field", "old", "new"), SAME, ids=identify)
def test_the_same_value_in_another_form_is_not_a_change(is_change, field, old, new):
    assert not is_change(field, old, new)


@pytest.mark.parametrize(("field", "value"), [case[:2] for case in CHANGES + SAME], ids=identify)
def test_a_save_of_an_unchanged_row_is_not_a_change(is_change, field, value):
    assert not is_change(field, value)


@pytest.mark.parametrize("level", LEVELS, ids=str)
class TestLookups:
    """``df`` and ``ndf``, and with them FSM, compare like AnyChange."""

    def refuses(self, model, old, new):
        table = f'public."{model._meta.db_table}"'
        execute(f"INSERT INTO {table} (value) VALUES (%s), (%s)", [old, old])
        try:
            with transaction.atomic():
                execute("SET LOCAL search_path = ''")
                execute(f"UPDATE {table} SET value = %s", [new])
        except pgtrigger.TriggerError:
            return True
        finally:
            execute(f"DELETE FROM {table}")
        return False

    @pytest.mark.parametrize("kind", ["text", "citext", "mood", "varchar(9)"])
    def test_a_state_differs_by_its_bytes(self, types, make_model, level, kind):
        rule = pgtrigger.FSM(name="fsm", field="value", transitions=[("sad", "happy")], level=level)
        model = make_model(value=Column(kind, null=True), triggers=[rule])
        assert not self.refuses(model, "sad", "happy")
        assert not self.refuses(model, "happy", "happy")
        assert self.refuses(model, "happy", "sad")
        if kind != "mood":
            assert self.refuses(model, "SAD", "happy")
            assert self.refuses(model, "sad", "SAD")

    @pytest.mark.parametrize("kind", ["citext", "json", "point", "hstore", "varchar(9)"])
    @pytest.mark.parametrize("lookup", ["df", "ndf"])
    def test_two_columns(self, types, make_model, level, kind, lookup):
        old, new = {
            "json": ("{}", "[]"),
            "point": ("1,2", "2,1"),
            "hstore": ("a=>1", "a=>2"),
        }.get(kind, ("a", "A"))
        rule = pgtrigger.Protect(
            name="rule",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q((f"old__value__{lookup}", pgtrigger.F("new__value"))),
            level=level,
        )
        model = make_model(value=Column(kind, null=True), triggers=[rule])
        assert self.refuses(model, old, new) == (lookup == "df")
        assert self.refuses(model, old, old) == (lookup == "ndf")


def test_operators_of_another_schema_are_not_used(make_model):
    rule = pgtrigger.ReadOnly(name="kept", fields=["value"], level=pgtrigger.Statement)
    model = make_model(value=models.IntegerField(), triggers=[rule])
    model.objects.bulk_create([model(value=1), model(value=2)])
    execute("CREATE SCHEMA hostile")
    execute(
        "CREATE FUNCTION hostile.always(integer, integer) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT true'"
    )
    execute(
        "CREATE OPERATOR hostile.= (LEFTARG = integer, RIGHTARG = integer,"
        " FUNCTION = hostile.always)"
    )
    execute("SET LOCAL search_path = hostile, pg_catalog, public")
    assert execute("SELECT 1 = 2") == [(True,)]
    for where in ("value = value AND value OPERATOR(pg_catalog.=) 1", "true"):
        with pytest.raises(pgtrigger.ReadOnlyError), transaction.atomic():
            execute(f'UPDATE "{model._meta.db_table}" SET value = value + 1 WHERE {where}')
    execute("SET LOCAL search_path = public")
