"""Whatever a role plants, functions use what was meant: see Note [Names in functions]."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models, transaction
from django.db.models import Q
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
    re.compile(r"WITH changes \(|ANY \(ARRAY|AS kept \(|INSERT INTO \S+ \(|\w+ AS \w+ \("),
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


@pytest.mark.parametrize("path", [None, ["public"]], ids=str)
def test_every_rule_as_definer_looks_into_pg_temp_last(make_model, path):
    definer = {"security": "DEFINER"}  # Three rules qualify every name, and take no path.
    options = definer if path is None else definer | {"search_path": path}
    parent = make_model(
        table=False,
        count=models.IntegerField(default=0),
        total=models.IntegerField(default=0),
        active=models.BooleanField(default=True),
        triggers=[pgtrigger.SoftDelete(name="soft", field="active", **options)],
    )
    child = make_model(
        table=False,
        parent=models.ForeignKey(parent, models.CASCADE),
        above=models.ForeignKey("self", models.CASCADE, null=True),
        number=models.IntegerField(default=0),
        at=models.DateTimeField(null=True),
        text=models.TextField(default=""),
        vector=SearchVectorField(null=True),
        triggers=[
            pgtrigger.Protect(name="protect", operation=pgtrigger.Delete, **options),
            pgtrigger.ReadOnly(name="read", fields=["text"], level=pgtrigger.Statement, **options),
            pgtrigger.FSM(name="fsm", field="text", transitions=[("a", "b")], **options),
            pgtrigger.Frozen(name="frozen", when=Q(number=1), **options),
            pgtrigger.Version("number", name="version", **options),
            pgtrigger.Touch("at", name="touch", **options),
            pgtrigger.Count("parent.count", name="count", **options),
            pgtrigger.Sum("parent.total", of="number", name="sum", **options),
            pgtrigger.AtMost(2, per="parent", name="most", **options),
            pgtrigger.NoCycle("above", name="cycle", **definer),
            pgtrigger.Requires("parent__active", True, name="requires", **definer),
            pgtrigger.ActiveParent("parent", name="locked", **definer),
            pgtrigger.ActiveParent("parent", name="updated", update_parent=True, **definer),
            pgtrigger.UpdateSearchVector(
                name="vector", vector_field="vector", document_fields=["text"], **options
            ),
        ],
    )
    paths = {
        trigger.get_uri(model): tuple(trigger.compile(model).sql.search_path)
        for model in (parent, child)
        for trigger in registry.of_model(model)
        if trigger.get_security(model) == "DEFINER" and trigger.compile(model).sql.makes_function
    }
    assert len(paths) > 15
    assert {uri: path for uri, path in paths.items() if path[-1:] != ("pg_temp",)} == {}


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


@pytest.mark.parametrize(
    ("field", "value"),
    [("number", 7), ("at", Now()), ("at", datetime(2001, 1, 1, tzinfo=UTC))],
)
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


def test_a_configuration_is_the_one_that_was_found_at_installation(make_model, plant):
    model = made(
        make_model,
        pgtrigger.UpdateSearchVector(
            name="search", vector_field="vector", document_fields=["text"], config_name="english"
        ),
    )
    plant()
    run("CREATE TEXT SEARCH CONFIGURATION evil.english (COPY = pg_catalog.simple)")
    run("SET LOCAL search_path = evil, public, pg_catalog")
    run(f"INSERT INTO {model._meta.db_table} (number, text) VALUES (1, 'the foxes')")
    assert run(f"SELECT vector::pg_catalog.varchar FROM {model._meta.db_table}") == [("'fox':2",)]


WHERE = Q(number__gt=0, text__contains="word")


@pytest.fixture
def shop(make_model):
    """A parent with numbers, and rows of it with every rule that looks at other rows."""
    parent = make_model(
        number=models.IntegerField(default=0),
        total=models.IntegerField(default=0),
        status=models.TextField(default="open"),
        deleted_at=models.DateTimeField(null=True),
        triggers=[
            pgtrigger.SoftDelete(name="soft", field="deleted_at"),
            pgtrigger.Trigger(
                name="seen_path",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="NEW.status := pg_catalog.concat_ws('', NEW.status); RETURN NEW;",
            ),
        ],
    )
    rule = pgtrigger.ActiveParent("parent")
    row = make_model(
        parent=models.ForeignKey(parent, models.CASCADE, null=True),
        above=models.ForeignKey("self", models.CASCADE, null=True),
        version=models.IntegerField(default=0),
        changed_at=models.DateTimeField(null=True),
        **{name: make() for name, make in FIELDS.items()},
        triggers=[
            pgtrigger.Count("parent.number", where=WHERE),
            pgtrigger.Sum("parent.total", of="number", where=WHERE),
            pgtrigger.AtMost(3, per="parent", where=WHERE),
            pgtrigger.NoCycle("above"),
            pgtrigger.Requires("parent__status", "open"),
            pgtrigger.Frozen(when=Q(text="frozen word")),
            pgtrigger.Touch("changed_at"),
            pgtrigger.Version("version"),
            rule,
        ],
    )
    rule.install(row)
    run(f"INSERT INTO {parent._meta.db_table} (id, number, total, status) VALUES (1, 0, 0, 'open')")
    return f"public.{parent._meta.db_table}", f"public.{row._meta.db_table}"


def insert(rows, *values):
    listed = ", ".join(
        f"({key}, {parent}, {above}, {number}, '{text}', 0)"
        for key, parent, above, number, text in values
    )
    run(f"INSERT INTO {rows} (id, parent_id, above_id, number, text, version) VALUES {listed}")


def test_numbers_and_times_are_kept_with_planted_objects(shop, plant):
    parents, rows = shop
    plant(parents.removeprefix("public."), rows.removeprefix("public."))
    insert(rows, (1, 1, "NULL", 5, "word"))
    insert(rows, (2, 1, "NULL", 7, "a word"), (3, 1, "NULL", 0, "word"), (4, 1, 2, 3, "no"))
    assert run(f"SELECT number, total FROM {parents}") == [(2, 12)]
    run(f"UPDATE {rows} SET number = 9 WHERE id OPERATOR(pg_catalog.=) ANY ('{{1,3}}')")
    assert run(f"SELECT number, total FROM {parents}") == [(3, 25)]
    run(f"DELETE FROM {rows} WHERE id OPERATOR(pg_catalog.=) 1")
    assert run(f"SELECT number, total FROM {parents}") == [(2, 16)]
    [(changed, version)] = run(
        f"SELECT changed_at, version FROM {rows} WHERE id OPERATOR(pg_catalog.=) 3"
    )
    assert changed is not None
    assert version == 1
    assert run("SHOW search_path") == [("evil, pg_catalog, public",)]


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (
            "INSERT INTO {rows} (id, parent_id, number, text, version) VALUES (5, 1, 1, 'word', 0),"
            " (6, 1, 1, 'word', 0), (7, 1, 1, 'word', 0), (8, 1, 1, 'word', 0)",
            pgtrigger.LimitError,
        ),
        (
            "UPDATE {rows} SET above_id = 2 WHERE number OPERATOR(pg_catalog.=) 1",
            pgtrigger.CycleError,
        ),
        ("UPDATE {rows} SET text = 'x'", pgtrigger.ReadOnlyError),
        ("DELETE FROM {rows}", pgtrigger.ProtectedError),
        (
            "UPDATE {rows} SET version = 7 WHERE number OPERATOR(pg_catalog.=) 1",
            pgtrigger.StaleError,
        ),
        ("DELETE FROM {parents}", pgtrigger.ProtectedError),
        (
            "UPDATE {parents} SET status = 'closed'; UPDATE {rows} SET number = 4"
            " WHERE number OPERATOR(pg_catalog.=) 1",
            pgtrigger.RequirementError,
        ),
        (
            "UPDATE {rows} SET parent_id = NULL WHERE number OPERATOR(pg_catalog.=) 1;"
            " DELETE FROM {parents}; UPDATE {rows} SET parent_id = 1"
            " WHERE number OPERATOR(pg_catalog.=) 1",
            pgtrigger.RequirementError,
        ),
    ],
)
def test_rules_about_other_rows_refuse_with_planted_objects(shop, plant, statement, error):
    parents, rows = shop
    insert(rows, (1, 1, "NULL", 1, "a"), (2, "NULL", 1, 2, "frozen word"))
    plant(parents.removeprefix("public."), rows.removeprefix("public."))
    with pytest.raises(error), transaction.atomic():
        run(statement.format(parents=parents, rows=rows))


def test_keys_of_other_types_are_compared_with_their_own_operator(make_model):
    """A citext key equals one with other capitals, and a domain has the operator of its type."""
    run("CREATE EXTENSION IF NOT EXISTS citext")
    run("CREATE DOMAIN name_of_team AS citext")

    class Name(models.TextField):
        def db_type(self, connection):
            return "name_of_team"

    parent = make_model(
        key=Name(primary_key=True),
        rows=models.IntegerField(default=0),
        status=Name(default="Open"),
        deleted_at=models.DateTimeField(null=True),
        triggers=[pgtrigger.SoftDelete(name="soft", field="deleted_at")],
    )
    rule = pgtrigger.ActiveParent("parent")
    row = make_model(
        parent=models.ForeignKey(parent, models.CASCADE),
        triggers=[
            pgtrigger.Count("parent.rows"),
            pgtrigger.AtMost(2, per="parent"),
            pgtrigger.Requires("parent__status", "open"),
            rule,
        ],
    )
    rule.install(row)
    parent.objects.create(key="Blue")
    for key in ("Blue", "BLUE"):
        row.objects.create(parent_id=key)
    assert parent.objects.get().rows == 2
    with pytest.raises(pgtrigger.LimitError), transaction.atomic():
        row.objects.create(parent_id="blue")
    with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
        run(f"DELETE FROM {parent._meta.db_table}")
    parent.objects.update(status="closed")
    with pytest.raises(pgtrigger.RequirementError), transaction.atomic():
        row.objects.create(parent_id="blue")


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
