"""A statement-level rule pairs old rows with new ones as a row-level rule sees them."""

import pytest
from django.db import connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

import pgtrigger
from pgtrigger.triggers import pairing

LEVELS = [pgtrigger.Row, pgtrigger.Statement]


def frozen(level):
    return pgtrigger.ReadOnly(name="frozen", fields=["kept"], level=level)


@pytest.fixture
def tables(make_model):
    """The same table under a row-level and a statement-level rule; keys may be exchanged in it."""
    made = []
    for level in LEVELS:
        model = make_model(kept=models.IntegerField(), triggers=[frozen(level)])
        execute(
            "ALTER TABLE {table} DROP CONSTRAINT {key}, ADD PRIMARY KEY (id) DEFERRABLE",
            model,
            key=sql.Identifier(f"{model._meta.db_table}_pkey"),
        )
        made.append(model)
    return made


def execute(statement, model, **parts):
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(statement).format(table=sql.Identifier(model._meta.db_table), **parts)
        )


def update(model, rows):
    """One UPDATE that makes each row ``(id, kept)`` another one; the error if it is refused."""
    values = sql.SQL(", ").join(sql.SQL("({}, {}, {})").format(*map(sql.Literal, r)) for r in rows)
    try:
        with transaction.atomic():
            execute(
                "UPDATE {table} t SET id = v.new, kept = v.kept "
                "FROM (VALUES {values}) v (old, new, kept) WHERE t.id = v.old",
                model,
                values=values,
            )
    except pgtrigger.ReadOnlyError as error:
        return error


@st.composite
def updates(draw):
    """The rows of a table by key, and what some of them become: other keys, other values."""
    before = dict(enumerate(draw(st.lists(st.integers(0, 2), min_size=1, max_size=6)), start=1))
    changed = draw(st.lists(st.sampled_from(sorted(before)), min_size=1, unique=True))
    new_keys = draw(
        st.permutations(changed) | st.just(changed) | st.just([key + 10 for key in changed])
    )
    keep = st.just(None)
    values = [draw(keep | st.integers(0, 2)) for _ in changed]
    return before, [
        (old, new, before[old] if value is None else value)
        for old, new, value in zip(changed, new_keys, values, strict=True)
    ]


@pytest.mark.parametrize("compared_keys", [pairing.COMPARED_KEYS, 2])
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(update_=updates())
def test_both_levels_refuse_the_same(tables, monkeypatch, compared_keys, update_):
    monkeypatch.setattr(pairing, "COMPARED_KEYS", compared_keys)
    before, after = update_
    errors = []
    for model in tables:
        for trigger in model._meta.triggers:
            trigger.install(model)
        with pgtrigger.ignore(model):
            model.objects.all().delete()
            model.objects.bulk_create([model(id=key, kept=kept) for key, kept in before.items()])
        errors.append(update(model, after))
    by_row, by_statement = errors
    assert (by_row is None) == (by_statement is None)
    if by_statement:
        refused = {old for old, _, kept in after if kept != before[old]}
        assert by_statement.key["id"] in refused


def test_a_key_that_is_exchanged_with_its_content_is_refused(tables):
    for model in tables:
        model.objects.bulk_create([model(id=1, kept=1), model(id=2, kept=2)])
        assert update(model, [(1, 2, 2), (2, 1, 1)])


def test_rows_without_a_key_of_their_own_are_paired(make_model):
    model = make_model(
        kept=models.IntegerField(),
        meta={"managed": False},
        triggers=[frozen(LEVELS[1])],
        table=False,
    )
    execute("CREATE TABLE {table} (id integer, kept integer)", model)
    for trigger in model._meta.triggers:
        trigger.install(model)
    model.objects.bulk_create([model(id=1, kept=1), model(id=1, kept=2)])
    model.objects.filter(id=1).update(id=3)
    with pytest.raises(pgtrigger.ReadOnlyError):
        model.objects.update(kept=models.F("kept") + 1)


@pytest.mark.parametrize(
    "key", [models.CharField(max_length=8), models.DateField(), models.UUIDField()]
)
def test_keys_of_any_type(make_model, key):
    key.primary_key = True
    model = make_model(code=key, kept=models.IntegerField(), triggers=[frozen(LEVELS[1])])
    values = {
        models.CharField: ["a", "b"],
        models.DateField: ["2020-01-01", "2020-01-02"],
        models.UUIDField: ["0" * 32, "1" * 32],
    }[type(key)]
    model.objects.bulk_create([model(code=value, kept=1) for value in values])
    model.objects.update(kept=1)
    with pytest.raises(pgtrigger.ReadOnlyError):
        model.objects.update(kept=2)


def test_composite_keys(make_model):
    model = make_model(
        pk=models.CompositePrimaryKey("a", "b"),
        a=models.IntegerField(),
        b=models.IntegerField(),
        kept=models.IntegerField(),
        triggers=[frozen(LEVELS[1])],
    )
    model.objects.bulk_create([model(a=1, b=number, kept=number) for number in (1, 2, 3)])
    execute("UPDATE {table} SET b = b + 10", model)
    with pytest.raises(pgtrigger.ReadOnlyError):
        execute("UPDATE {table} SET kept = kept + 1 WHERE b > 11", model)
