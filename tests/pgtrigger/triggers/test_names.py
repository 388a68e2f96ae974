"""Whatever a role plants, functions use what was meant: see Note [Names in functions]."""

import re

import pytest
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models, transaction
from django.db.models.functions import Now

import pgtrigger
from pgtrigger.roles import planting
from pgtrigger.triggers import registry
from tests.pghistory.models import RowLevel, StatementLevel

# Strings and quoted names can hold anything.
_LITERALS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_UNQUALIFIED = {
    "a type": re.compile(r"::(?!pg_catalog\.)\w+"),
    "a function": re.compile(
        r"(?<![.\w])(?!COALESCE|GREATEST|LEAST|ARRAY|ROW|VALUES|EXISTS|ANY|ALL|AND|OR|NOT|IF|WHERE|ON|"
        r"CASE|WHEN|THEN|ELSE|IN|OPERATOR|SELECT|FROM|OVER|ELSIF|AS|USING|SET|CONFLICT|EXECUTE|TABLE|"
        r"INTO|CAST|FOR|COLLATE|MATERIALIZED|RETURN|UPDATE|BY|JOIN|kept|EXCLUDED|IS|WITH)"
        r"[A-Za-z_]\w*\s*\("
    ),
    "IS DISTINCT FROM": re.compile(r"IS (?:NOT )?DISTINCT FROM"),
    "NULLIF": re.compile(r"NULLIF"),
    "IN": re.compile(r"\bIN \("),
    "JOIN USING": re.compile(r"JOIN [^;]* USING \("),
    "CASE of a value": re.compile(r"CASE (?!WHEN)"),
    "an operator": re.compile(r"(?<![:(.])(?:<>|<=|>=|=|<|>|\|\||@>|\+|(?<!\w)-(?!-))"),
}
_WITHIN_ANOTHER_PATH = re.compile(
    r"set_config\('search_path', 'pg_catalog, pg_temp', true\);.*?(?=pgtrigger_path :=)", re.DOTALL
)
_NOT_LOOKED_UP = (
    re.compile(r"OPERATOR\([^)]*\)"),
    re.compile(r"^\s+[A-Z]+ = ", re.MULTILINE),  # the options of RAISE
    re.compile(r"(?:SET|,)\s+\w+ = "),  # the columns of UPDATE
    re.compile(r":=|GET DIAGNOSTICS \w+ ="),
    re.compile(r"ANY \(ARRAY|AS kept \(|INSERT INTO \S+ \(|\w+ AS \w+ \("),
)


def unqualified(source):
    """The constructs in the source of a function that are looked up in the caller's path."""
    source = _WITHIN_ANOTHER_PATH.sub("", source)
    # What EXECUTE runs is a literal in the source.
    texts = [
        source,
        *(text.replace("''", "'") for text in re.findall(r"EXECUTE '((?:[^']|'')*)'", source)),
    ]
    found = set()
    for text in texts:
        bare = _LITERALS.sub("q", text)
        for allowed in _NOT_LOOKED_UP:
            bare = allowed.sub(" ", bare)
        found |= {
            f"{name}: {match.group().strip()}"
            for name, pattern in _UNQUALIFIED.items()
            for match in [pattern.search(bare)]
            if match
        }
    return found


def generated():
    """Every function of a declared trigger that the engines generate; not SQL of the users'."""
    for model, trigger in registry.registered():
        module = type(trigger).get_func.__module__
        compiled = trigger.compile(model).sql
        is_ours = module.startswith(("pgtrigger.", "pghistory.")) and trigger.func is None
        if is_ours and compiled.makes_function:
            yield trigger.get_uri(model), compiled


def test_generated_functions_name_schemas_or_have_a_search_path():
    """A search_path ends with pg_temp, which PostgreSQL otherwise puts first."""
    found = {}
    for uri, compiled in generated():
        path = tuple(compiled.search_path)
        wrong = {f"path: {path}"} if path[-1:] not in ((), ("pg_temp",)) else set()
        if not path:
            wrong |= unqualified(f"{compiled.declare}\n{compiled.func}")
        if wrong:
            found[uri] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("source", "construct"),
    [
        ("x := a::text;", "a type"),
        ("x := now();", "a function"),
        ("IF a = b THEN", "an operator"),
        ("IF a IS DISTINCT FROM b THEN", "IS DISTINCT FROM"),
        ("IF a IN (1, 2) THEN", "IN"),
        ("EXECUTE 'SELECT a = ''b'' FROM c' INTO d;", "an operator"),
    ],
)
def test_what_is_looked_up_by_name_is_recognized(source, construct):
    assert {each.partition(":")[0] for each in unqualified(source)} == {construct}


FIELDS = {
    "number": lambda: models.IntegerField(default=0),
    "text": lambda: models.TextField(default=""),
    "at": lambda: models.DateTimeField(null=True),
    "vector": lambda: SearchVectorField(null=True),
}
LEVELS = pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement], ids=str)
REFUSING = {
    "protect": lambda **options: pgtrigger.Protect(
        operation=pgtrigger.Update, condition=pgtrigger.Q(new__number__gt=5), **options
    ),
    "read_only": lambda **options: pgtrigger.ReadOnly(fields=["number", "text"], **options),
    "fsm": lambda **options: pgtrigger.FSM(field="number", transitions=[(0, 1)], **options),
}


@pytest.fixture
def plant():
    """Plant objects of every kind, and put them first in the search_path."""

    def planted(*tables):
        for statement in (
            *planting.operators_and_functions("evil"),
            *planting.types_and_tables(tables),
            "SET LOCAL pgtrigger.ignore = '{none}'",
            "SET LOCAL search_path = evil, pg_catalog, public",
        ):
            run(statement)

    return planted


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def made(make_model, *triggers):
    return make_model(triggers=triggers, **{name: make() for name, make in FIELDS.items()})


@LEVELS
@pytest.mark.parametrize("kind", REFUSING)
@pytest.mark.parametrize("rows", [1, 2])
def test_a_rule_refuses_with_planted_objects(make_model, plant, kind, level, rows):
    model = made(make_model, REFUSING[kind](name=kind, level=level))
    for _ in range(rows):
        model.objects.create()
    plant()
    with pytest.raises(pgtrigger.TriggerError), transaction.atomic():
        run(f"UPDATE {model._meta.db_table} SET number = 9, text = 'x'")


@pytest.mark.parametrize(("field", "value"), [("number", 7), ("at", Now())])
def test_a_soft_deletion_sets_its_value_with_planted_objects(make_model, plant, field, value):
    model = made(make_model, pgtrigger.SoftDelete(name="soft", field=field, value=value))
    model.objects.create()
    plant(model._meta.db_table)
    run(f"DELETE FROM public.{model._meta.db_table}")
    [(number, at)] = run(f"SELECT number, at FROM public.{model._meta.db_table}")
    assert number == 7 or at is not None
    assert run("SHOW search_path") == [("evil, pg_catalog, public",)]


def test_a_search_vector_is_made_with_planted_objects(make_model, plant):
    model = made(
        make_model,
        pgtrigger.UpdateSearchVector(
            name="search", vector_field="vector", document_fields=["text"]
        ),
    )
    plant()
    run(f"INSERT INTO {model._meta.db_table} (number, text) VALUES (1, 'words')")
    assert run(f"SELECT vector::pg_catalog.varchar FROM {model._meta.db_table}") == [("'word':1",)]


@pytest.mark.parametrize("model", [RowLevel, StatementLevel], ids=["row", "statement"])
def test_events_and_contexts_are_written_with_planted_objects(db, plant, model):
    table, events = model._meta.db_table, model.pgh_event_model._meta.db_table
    plant(events, "pghistory_context")
    run("SET LOCAL pghistory.context_id = '11111111-1111-4111-8111-111111111111'")
    run("SET LOCAL pghistory.context_metadata = '{\"user\": 1}'")
    run(f"INSERT INTO {table} (number) VALUES (1), (2)")
    run(f"UPDATE {table} SET number = 3")
    run(f"DELETE FROM {table}")
    assert run(f"SELECT pgh_label, number FROM public.{events} ORDER BY pgh_id") == [
        *[("insert", 1), ("insert", 2)],
        *[("update", 3), ("update", 3)],
        *[("delete", 3), ("delete", 3)],
    ]
    assert run("SELECT metadata FROM public.pghistory_context") == [('{"user": 1}',)]
