"""The ready-made rules against triggers that an expert writes by hand for the same purpose."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connection, models, transaction

import pgtrigger
from bench.declared import execute, forget, vacuum
from bench.rounds import Report, Target, Turn, benchmark
from pgtrigger.database.installer import Installer
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROWS = 50_000
SAVES = 500
ROUNDS = 11

VERSION = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)",
        "BEGIN IF NEW.version IS DISTINCT FROM OLD.version THEN RAISE EXCEPTION 'stale'; END IF;"
        " NEW.version := OLD.version + 1; RETURN NEW; END",
    )
]
FROZEN = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.status = 'issued' AND"
        " (OLD.id, OLD.parent_id, OLD.status, OLD.amount, OLD.version) IS DISTINCT FROM"
        " (NEW.id, NEW.parent_id, NEW.status, NEW.amount, NEW.version))",
        "BEGIN RAISE EXCEPTION 'frozen'; END",
    ),
    (
        "BEFORE DELETE ON {table} FOR EACH ROW WHEN (OLD.status = 'issued')",
        "BEGIN RAISE EXCEPTION 'frozen'; END",
    ),
]
TOUCH = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)",
        "BEGIN NEW.changed_at := now(); RETURN NEW; END",
    ),
    (
        "BEFORE INSERT ON {table} FOR EACH ROW",
        "BEGIN NEW.changed_at := now(); RETURN NEW; END",
    ),
]


def _counting(value: str) -> list[tuple[str, str]]:
    """A statement-level trigger for each operation; EXECUTE, so that no plan is kept."""

    def body(rows: str) -> str:
        return f"""BEGIN
            EXECUTE $q$
                UPDATE {{parent}} p SET total = p.total + c.change
                FROM (
                    SELECT l.id, c.change FROM {{parent}} l JOIN (
                        SELECT parent_id, sum(value) AS change FROM ({rows}) r
                        GROUP BY parent_id HAVING sum(value) <> 0
                    ) c ON c.parent_id = l.id ORDER BY l.id FOR NO KEY UPDATE OF l
                ) c WHERE p.id = c.id $q$;
            RETURN NULL; END"""

    new, old = (
        f"SELECT parent_id, {value} AS value FROM n",
        f"SELECT parent_id, -{value} AS value FROM o",
    )
    return [
        ("AFTER INSERT ON {table} REFERENCING NEW TABLE AS n FOR EACH STATEMENT", body(new)),
        ("AFTER DELETE ON {table} REFERENCING OLD TABLE AS o FOR EACH STATEMENT", body(old)),
        (
            "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT",
            body(f"{old} UNION ALL {new}"),
        ),
    ]


def _limiting(parents: str) -> str:
    return f"""DECLARE key bigint; BEGIN
        FOR key IN EXECUTE '{parents} ORDER BY parent_id' LOOP
            UPDATE {{parent}} SET id = id WHERE id = key;
            IF (SELECT count(*) FROM {{table}} WHERE parent_id = key) > 1000000 THEN
                RAISE EXCEPTION 'full';
            END IF;
        END LOOP;
        RETURN NULL; END"""


AT_MOST = [
    (
        "AFTER INSERT ON {table} REFERENCING NEW TABLE AS n FOR EACH STATEMENT",
        _limiting("SELECT DISTINCT parent_id FROM n"),
    ),
    (
        "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT",
        _limiting(
            "SELECT parent_id FROM (SELECT parent_id, 1 AS change FROM n"
            " UNION ALL SELECT parent_id, -1 FROM o) r GROUP BY parent_id HAVING sum(change) > 0"
        ),
    ),
]
REQUIRES = [
    (
        "BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW",
        """BEGIN
            IF TG_OP = 'UPDATE' THEN
                IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN
                PERFORM 1 FROM {parent} WHERE id = OLD.parent_id AND status = 'draft' FOR SHARE;
                IF NOT FOUND THEN RAISE EXCEPTION 'issued'; END IF;
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            IF TG_OP = 'INSERT' OR OLD.parent_id <> NEW.parent_id THEN
                PERFORM 1 FROM {parent} WHERE id = NEW.parent_id AND status = 'draft' FOR SHARE;
                IF NOT FOUND THEN RAISE EXCEPTION 'issued'; END IF;
            END IF;
            RETURN NEW; END""",
    )
]

# The mark ends a cycle that is there already, as in the engine's function.
NO_CYCLE_BODY = """DECLARE
        ancestor bigint := NEW.previous_id; mark bigint := NEW.id;
        steps bigint := 0; turn bigint := 2;
    BEGIN
        LOOP
            IF ancestor = NEW.id OR ancestor = mark THEN RAISE EXCEPTION 'cycle'; END IF;
            steps := steps + 1;
            IF steps = turn THEN mark := ancestor; turn := turn * 2; END IF;
            SELECT previous_id INTO ancestor FROM {table} WHERE id = ancestor FOR SHARE;
            EXIT WHEN NOT FOUND OR ancestor IS NULL;
        END LOOP;
        RETURN NULL; END"""
NO_CYCLE = [
    (
        "AFTER UPDATE ON {table} FOR EACH ROW WHEN"
        " (OLD.previous_id IS DISTINCT FROM NEW.previous_id AND NEW.previous_id IS NOT NULL)",
        NO_CYCLE_BODY,
    ),
    (
        "AFTER INSERT ON {table} FOR EACH ROW WHEN (NEW.previous_id IS NOT NULL)",
        NO_CYCLE_BODY,
    ),
]
SOFT_DELETE = [
    (
        "BEFORE DELETE ON {table} FOR EACH ROW",
        "BEGIN UPDATE {table} SET is_active = false WHERE id = OLD.id; RETURN NULL; END",
    )
]

PROTECT = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.status = 'issued')",
        "BEGIN RAISE EXCEPTION 'protected'; END",
    )
]
READ_ONLY = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status)",
        "BEGIN RAISE EXCEPTION 'read only'; END",
    )
]
FSM = [
    (
        "BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status"
        " AND NOT (OLD.status = 'draft' AND NEW.status = 'paid'"
        " OR OLD.status = 'paid' AND NEW.status = 'draft' OR NEW.status = 'void'))",
        "BEGIN RAISE EXCEPTION 'transition'; END",
    ),
    (
        "BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.status <> 'draft')",
        "BEGIN RAISE EXCEPTION 'initial'; END",
    ),
]
ACTIVE_BODY = """BEGIN
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            PERFORM 1 FROM {parent} WHERE id = NEW.parent_id FOR SHARE;
        ELSE
            PERFORM 1 FROM {parent} WHERE id = NEW.parent_id FOR KEY SHARE;
        END IF;
        PERFORM 1 FROM {parent} WHERE id = NEW.parent_id AND is_active;
        IF NOT FOUND THEN RAISE EXCEPTION 'deleted'; END IF;
        RETURN NULL; END"""
ACTIVE_PARENT = [
    (
        "AFTER UPDATE ON {table} FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL AND NEW.is_active"
        " AND (OLD.parent_id IS DISTINCT FROM NEW.parent_id OR NOT OLD.is_active))",
        ACTIVE_BODY,
    ),
    (
        "AFTER INSERT ON {table} FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL AND NEW.is_active)",
        ACTIVE_BODY,
    ),
]

RULES: dict[str, tuple[Callable[[], pgtrigger.Trigger], list[tuple[str, str]]]] = {
    "Version": (lambda: pgtrigger.Version("version"), VERSION),
    "Protect": (
        lambda: pgtrigger.Protect(
            name="protect",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__status="issued"),
        ),
        PROTECT,
    ),
    "ReadOnly": (lambda: pgtrigger.ReadOnly(name="kept", fields=["status"]), READ_ONLY),
    "FSM": (
        lambda: pgtrigger.FSM(
            name="flow",
            field="status",
            initial=["draft"],
            transitions=[("draft", "paid"), ("paid", "draft"), ("*", "void")],
        ),
        FSM,
    ),
    "ActiveParent": (lambda: pgtrigger.ActiveParent("parent"), ACTIVE_PARENT),
    "Frozen": (
        lambda: pgtrigger.Frozen(
            when=models.Q(status="issued"), allow=["note", "total", "changed_at"]
        ),
        FROZEN,
    ),
    "Touch": (lambda: pgtrigger.Touch("changed_at"), TOUCH),
    "Count": (lambda: pgtrigger.Count("parent.total"), _counting("1")),
    "Sum": (lambda: pgtrigger.Sum("parent.total", of="amount"), _counting("amount")),
    "AtMost": (lambda: pgtrigger.AtMost(1_000_000, per="parent"), AT_MOST),
    "Requires": (lambda: pgtrigger.Requires("parent__status", "draft"), REQUIRES),
    "NoCycle": (lambda: pgtrigger.NoCycle("previous"), NO_CYCLE),
    "SoftDelete": (
        lambda: pgtrigger.SoftDelete(name="soft_delete", field="is_active"),
        SOFT_DELETE,
    ),
}


@contextmanager
def lines(rule: str, rows: int, *, by_hand: bool) -> Iterator[type[models.Model]]:
    """A table of rows of a hundred parents, with the rule as declared or as written by hand."""
    declare, written = RULES[rule]
    names = [f"{rule}{kind}{'ByHand' if by_hand else ''}" for kind in ("Parent", "Line")]
    parent = _model(
        names[0],
        triggers=[pgtrigger.SoftDelete(name="soft_delete", field="is_active")]
        if rule == "ActiveParent"
        else [],
        total=models.BigIntegerField(default=0),
        is_active=models.BooleanField(default=True),
    )
    line = _model(
        names[1],
        triggers=[] if by_hand else [declare()],
        parent=models.ForeignKey(parent, models.CASCADE),
        amount=models.IntegerField(default=1),
        version=models.IntegerField(default=0),
        total=models.IntegerField(default=0),
        note=models.CharField(max_length=32, default=""),
        changed_at=models.DateTimeField(null=True),
        is_active=models.BooleanField(default=True),
        previous=models.ForeignKey("self", models.DO_NOTHING, null=True, db_constraint=False),
    )
    try:
        with connection.schema_editor() as editor:
            editor.create_model(parent)
            editor.create_model(line)
        parents = parent.objects.bulk_create([parent() for _ in range(100)])
        line.objects.bulk_create(
            [line(parent=parents[number % 100]) for number in range(rows)], batch_size=5000
        )
        for each in (parent, line):
            table = each._meta.db_table
            execute("ALTER TABLE {table} SET (autovacuum_enabled = false)", table=table)
            execute("VACUUM ANALYZE {table}", table=table)
        for trigger in registry.of_model(line):
            Installer(connection).install(trigger.compile(line))
        for number, (fires, body) in enumerate(written if by_hand else []):
            tables = {"table": line._meta.db_table, "parent": parent._meta.db_table}
            function = f"{line._meta.db_table}_{number}"
            execute(
                f"CREATE FUNCTION {{function}}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
                function=function,
                **tables,
            )
            execute(
                f"CREATE TRIGGER {{name}} {fires} EXECUTE FUNCTION {{function}}()",
                name=f"by_hand_{number}",
                function=function,
                **tables,
            )
        yield line
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(line)
            editor.delete_model(parent)
        forget([line, parent])


def _model(name: str, triggers: Any = (), **fields: Any) -> type[models.Model]:
    meta = type("Meta", (), {"app_label": "bench", "triggers": list(triggers)})
    status = models.CharField(max_length=32, default="draft")
    apps.clear_cache()
    return type(
        name, (models.Model,), {"__module__": __name__, "Meta": meta, "status": status, **fields}
    )


def update_all(model: type[models.Model]) -> None:
    execute(
        "UPDATE {table} SET note = 'x' || amount, amount = amount + 1", table=model._meta.db_table
    )


def insert_all(model: type[models.Model], rows: int) -> None:
    execute(
        "INSERT INTO {table}"
        " (status, parent_id, amount, version, total, note, is_active, previous_id)"
        " SELECT 'draft', parent_id, amount, 0, 0, '', true, 1 + id % 100 FROM {table}"
        f" LIMIT {rows}",
        table=model._meta.db_table,
    )


def move_all(model: type[models.Model]) -> None:
    """Every row gets another one of the first hundred as its previous row; these do not."""
    execute(
        "UPDATE {table} SET previous_id = 1 + COALESCE(previous_id, id) % 100 WHERE id > 100",
        table=model._meta.db_table,
    )


def change_states(model: type[models.Model]) -> None:
    execute(f"UPDATE {{table}} SET {OTHER_STATE}", table=model._meta.db_table)


def place_all(model: type[models.Model]) -> None:
    """Every row gets another parent."""
    execute("UPDATE {table} SET parent_id = 1 + parent_id % 100", table=model._meta.db_table)


def delete_all(model: type[models.Model]) -> None:
    execute("DELETE FROM {table}", table=model._meta.db_table)


def one_by_one(model: type[models.Model], statement: str) -> None:
    """Single statements by SQL, so that Django's own time does not hide the trigger's."""
    with transaction.atomic(), connection.cursor() as cursor:
        for key in range(101, 101 + SAVES):
            cursor.execute(statement.format(table=model._meta.db_table), [key])


CHANGE = 'UPDATE "{table}" SET amount = amount + 1 WHERE id = %s'
MOVE = 'UPDATE "{table}" SET previous_id = 1 + COALESCE(previous_id, id) %% 100 WHERE id = %s'
OTHER_STATE = "status = CASE status WHEN 'draft' THEN 'paid' ELSE 'draft' END"
TRANSITION = f'UPDATE "{{table}}" SET {OTHER_STATE} WHERE id = %s'
PLACE = 'UPDATE "{table}" SET parent_id = 1 + parent_id %% 100 WHERE id = %s'
DELETE = 'DELETE FROM "{table}" WHERE id = %s'


def _works(rule: str, rows: int) -> list[tuple[str, Callable[..., None], float]]:
    """The title of each kind of work, the function, and what a ratio may be."""
    one = functools.partial(functools.partial, one_by_one)  # with the statement, then the model
    insert = functools.partial(insert_all, rows=rows)
    if rule == "SoftDelete":
        return [
            (f"delete of {rows:,} rows", delete_all, 1.10),
            (f"{SAVES} single deletes", one(statement=DELETE), 1.05),
        ]
    if rule == "NoCycle":
        return [
            (f"move of {rows:,} rows", move_all, 1.10),
            (f"insert of {rows:,} rows", insert, 1.10),
            (f"{SAVES} single moves", one(statement=MOVE), 1.05),
        ]
    if rule == "FSM":
        return [
            (f"transition of {rows:,} rows", change_states, 1.10),
            (f"insert of {rows:,} rows", insert, 1.10),
            (f"{SAVES} single transitions", one(statement=TRANSITION), 1.05),
        ]
    if rule == "ActiveParent":
        return [
            (f"move of {rows:,} rows", place_all, 1.10),
            (f"insert of {rows:,} rows", insert, 1.10),
            (f"{SAVES} single moves", one(statement=PLACE), 1.05),
        ]
    found = [
        (f"update of {rows:,} rows", update_all, 1.10),
        (f"insert of {rows:,} rows", insert, 1.10),
        (f"{SAVES} single updates", one(statement=CHANGE), 1.05),
    ]
    return [each for each in found if not (rule in CHANGES_ONLY and "insert" in each[0])]


# Rules without a trigger for INSERT.
CHANGES_ONLY = ("Version", "Frozen", "Protect", "ReadOnly")


def _measure(report: Report, rule: str) -> None:
    rows = report.size(ROWS)
    with (
        lines(rule, rows, by_hand=True) as by_hand,
        lines(rule, rows, by_hand=False) as declared,
    ):
        variants = {"by hand": by_hand, "pgtrigger": declared}
        for title, work, at_most in _works(rule, rows):
            report.compare(
                f"{title}, {rule}",
                {
                    name: Turn(
                        functools.partial(work, model),
                        before=functools.partial(_clean, model, rows),
                    )
                    for name, model in variants.items()
                },
                [Target("pgtrigger", "by hand", at_most=at_most)],
                rounds=ROUNDS,
            )


def _clean(model: type[models.Model], rows: int) -> None:
    """Remove what the last turn inserted, and restore what it deleted."""
    with pgtrigger.ignore():
        model.objects.filter(pk__gt=rows).delete()
    model.objects.filter(is_active=False).update(is_active=True)
    vacuum(model)


def _register(rule: str) -> None:
    def measure(report: Report) -> None:
        _measure(report, rule)

    measure.__name__ = rule.lower()
    benchmark(measure)


for _rule in RULES:
    _register(_rule)
