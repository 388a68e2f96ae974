"""Run a command in a product's environment and print JSON: ``python inside.py COMMAND``.

copy       give the project the migrations of its third-party apps
midway     migrate to the middle, put rules on every table, and migrate the rest
write      insert, update and delete a row of every tracked table: are there events and refusals?
back       migrate every app to zero, as far as it goes
versions   what is installed and how much there is of it
"""

import datetime
import json
import os
import re
import shutil
import sys
import uuid
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")

import django

django.setup()

from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

OWN = {"pgtrigger", "pghistory", "integrity", "rules"}


def copy():
    folder = Path("third_party")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "__init__.py").touch()
    for config in apps.get_app_configs():
        source = Path(config.path)
        # Dependencies among Django's own apps would put the migrations into another order.
        if config.label in OWN or config.name.startswith("django.contrib."):
            continue
        if (source / "migrations" / "__init__.py").exists():
            (folder / config.label).mkdir()
            (folder / config.label / "__init__.py").touch()
            # Some migrations load fixtures by their path.
            for name in ("migrations", "fixtures"):
                if (source / name).exists():
                    shutil.copytree(source / name, folder / config.label / name)
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def midway():
    executor = MigrationExecutor(connection)
    targets = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan(targets)
    half = len(plan) // 2
    state = executor.migrate(targets, plan=plan[:half])
    ruled = 0
    with connection.cursor() as cursor:
        for model in state.apps.get_models(include_auto_created=True):
            options = model._meta
            exists = options.db_table in connection.introspection.table_names(cursor)
            if options.proxy or not options.managed or not exists:
                continue
            for trigger in _rules(model):
                cursor.execute(trigger.compile(model).install_sql.replace("%", "%%"), [])
                ruled += 1
    executor = MigrationExecutor(connection)
    executor.migrate(targets, plan=executor.migration_plan(targets))
    return {"migrations": len(plan), "before": half, "rules": ruled}


def _rules(model):
    import pgtrigger

    yield pgtrigger.ReadOnly(name="life_key", fields=[model._meta.pk.name])
    yield pgtrigger.Protect(
        name="life_frozen", operation=pgtrigger.Update, condition=pgtrigger.AllChange()
    )
    yield pgtrigger.Trigger(
        name="life_seen",
        when=pgtrigger.After,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Condition("false"),
        func="RETURN NULL;",
    )


def write():
    import pgtrigger
    from pghistory.trigger import Event

    tracked = {}
    for _, trigger in pgtrigger.registered():
        if isinstance(trigger, Event):
            tracked[trigger.event_model.pgh_tracked_model] = trigger.event_model
    result = {"written": 0, "refusals": 0, "events": 0, "left_out": {}, "wrong": []}
    for model, event_model in tracked.items():
        try:
            with transaction.atomic():
                _write_one(model, event_model, result)
                transaction.set_rollback(True)
        except (LookupError, DatabaseError) as error:
            result["left_out"][model._meta.label] = str(error).splitlines()[0]
    return result


def _write_one(model, event_model, result):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    key = None
    parents = [*reversed(model._meta.get_parent_list()), model]
    for each in parents:
        key = _insert(each, key)
    label, table, pk = model._meta.label, model._meta.db_table, model._meta.pk.column
    _expect(model, event_model, key, ["insert"], result)
    try:
        with transaction.atomic():
            _execute(f'UPDATE "{table}" SET "{pk}" = %s WHERE "{pk}" = %s', [_other(key), key])
        result["wrong"].append(f"{label}: the key was changed")
    except DatabaseError as error:
        if "Cannot update rows" not in str(error):
            raise
        result["refusals"] += 1
    labels = ["insert"]
    column = _plain_column(table, pk)
    if column:
        _execute(f'UPDATE "{table}" SET {column} WHERE "{pk}" = %s', [key])
        labels.append("update")
    _execute(f'DELETE FROM "{table}" WHERE "{pk}" = %s', [key])
    _expect(model, event_model, key, [*labels, "delete"], result)
    result["written"] += 1


def _expect(model, event_model, key, labels, result):
    events = event_model.objects.filter(pgh_obj_id=key).order_by("pgh_id")
    found = list(events.values_list("pgh_label", flat=True))
    if found != labels:
        result["wrong"].append(f"{model._meta.label}: expected events {labels}, found {found}")
    result["events"] = result["events"] + (len(found) if len(labels) > 1 else 0)


def _execute(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


def _columns(table):
    return _execute(
        "SELECT attname, typname, atttypmod, attnotnull, atthasdef, attidentity, attgenerated"
        " FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid"
        " WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped",
        [table],
    )


def _insert(model, key):
    """A row with a value in each column that needs one; the key of the row."""
    table, pk = model._meta.db_table, model._meta.pk.column
    values = {}
    for name, kind, modifier, not_null, has_default, _, generated in _columns(table):
        if name == pk:
            values[name] = key = key if key is not None else _value(kind, modifier)
        elif not_null and not has_default and not generated:
            values[name] = _value(kind, modifier)
    parent_links = [link.column for link in model._meta.parents.values() if link is not None]
    values |= dict.fromkeys(parent_links, key)
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("%s" for _ in values)
    _execute(f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', list(values.values()))
    return key


def _value(kind, modifier):
    text = uuid.uuid4().hex
    number = int(text[:7], 16)
    known = {
        "bool": True,
        "int2": number % 30_000 + 1,
        "int4": number + 1_000,
        "int8": number + 1_000,
        "float8": 1.0,
        "numeric": 1,
        "uuid": str(uuid.uuid4()),
        "date": datetime.date(2020, 1, 1),
        "time": datetime.time(1),
        "timestamptz": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        "interval": datetime.timedelta(1),
        "json": "{}",
        "jsonb": "{}",
        "bytea": b"x",
        "inet": "127.0.0.1",
        "tsvector": "",
        "text": text,
        "varchar": text[: modifier - 4] if modifier > 4 else text,
        "bpchar": text[: modifier - 4],
    }
    if kind.startswith("_"):
        return []
    if kind not in known:
        raise LookupError(f"no value for a column of type {kind}")
    return known[kind]


def _other(key):
    if isinstance(key, int):
        return key + 1
    return str(uuid.uuid4()) if len(str(key)) == 36 else uuid.uuid4().hex[: len(str(key))]


def _plain_column(table, pk):
    """An assignment that changes one column, to which no foreign key or check is likely."""
    for name, kind, _, _, _, _, generated in _columns(table):
        if name == pk or generated or name.endswith("_id"):
            continue
        if kind == "bool":
            return f'"{name}" = NOT COALESCE("{name}", false)'
        if kind == "timestamptz":
            return f"\"{name}\" = '2021-01-01 00:00+00'"
        if kind in ("varchar", "text"):
            return f"\"{name}\" = 'z'"
    return None


def back():
    labels = [config.label for config in apps.get_app_configs()]
    migrated = {label for label, _ in MigrationExecutor(connection).loader.graph.nodes}
    outcome = {}
    for label in reversed(labels):
        if label in migrated and label not in OWN:
            try:
                call_command("migrate", label, "zero", verbosity=0, interactive=False)
                outcome[label] = "zero"
            except Exception as error:
                first = re.sub(" at 0x[0-9a-f]+", "", str(error).partition("\n")[0])
                outcome[label] = f"{type(error).__name__}: {first}"
    applied = MigrationRecorder(connection).applied_migrations()
    left = sorted(f"{app}.{name}" for app, name in applied if app not in OWN)
    return {"outcome": outcome, "left": left}


def versions():
    loader = MigrationExecutor(connection).loader
    return {
        "django": django.get_version(),
        "migrations": len([node for node in loader.graph.nodes if node[0] not in OWN]),
        "apps": len({label for label, _ in loader.graph.nodes} - OWN),
    }


print("RESULT " + json.dumps(globals()[sys.argv[1]](), default=str))
