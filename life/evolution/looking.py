"""Look at a database: its tables, its rules and its history."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DatabaseError, connections, transaction

import pgtrigger
from life.evolution.declared import TYPES
from pgtrigger import administration
from pgtrigger.database import catalog
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from life.evolution.declared import Declared, Model, Rule

NAMES = {name: __import__(name) for name in ("datetime", "decimal", "uuid")}

_OBJECTS = """
    SELECT 'column', c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
        a.attnotnull::text, a.attidentity::text, a.attgenerated::text,
        pg_catalog.pg_get_expr(d.adbin, d.adrelid),
        pg_catalog.col_description(c.oid, a.attnum)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'S', 'v')
    UNION ALL
    SELECT 'constraint', c.relname, o.conname, pg_catalog.pg_get_constraintdef(o.oid),
        NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class c ON c.oid = o.conrelid
    WHERE c.relnamespace = 'public'::regnamespace AND o.contype <> 't' AND o.contype <> 'n'
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, NULL, NULL, NULL, NULL, NULL
    FROM pg_catalog.pg_indexes WHERE schemaname = 'public'
"""
_OF_THE_LIBRARIES = ("pghistory_", "pgtrigger_", "django_")


def schema(alias: str) -> set[tuple[Any, ...]]:
    """Return the columns, constraints and indexes of every table but the libraries' own."""
    with connections[alias].cursor() as cursor:
        cursor.execute(_OBJECTS)
        found = cursor.fetchall()
    return {row for row in found if not _is_of_the_libraries(row[1])}


def _is_of_the_libraries(table: str) -> bool:
    table = table.removesuffix("_seq").removesuffix("_pgh_id")
    return table.startswith(_OF_THE_LIBRARIES) or table.endswith("event")


def drift() -> list[str]:
    """Return what differs between the declared triggers and the installed ones."""
    entries, undeclared = administration.survey()
    found = [f"{entry.uri} is {entry.status}" for entry in entries if entry.status != "INSTALLED"]
    found += [f"{each.table}: {each.pgid} ({each.uri}) is not declared" for each in undeclared]
    orphaned = catalog.orphaned_functions(connections["default"])
    return found + [f"no trigger calls {name}" for _, name in orphaned]


def broken(declared: Declared) -> Iterator[str]:
    """Yield each rule that does not refuse, and each change without an event."""
    for label, model in declared.models().items():
        if model.kind == "abstract":
            continue
        yield from _broken_rules(declared, label, model)
        if model.level and model.has_table:
            yield from _missing_events(label)
        for name, field in model.fields.items():
            if field.is_automatic and field.has_rule:
                yield from _broken_through(label, name)


def _broken_rules(declared: Declared, label: str, model: Model) -> Iterator[str]:
    for rule in model.rules:
        trouble = _attempt(declared, label, rule)
        if trouble:
            yield f"{label}: the rule {rule.name} ({rule.kind}) {trouble}"


def _attempt(declared: Declared, label: str, rule: Rule) -> str:
    """Return what is wrong with a rule. The rows that it is tried on are taken back."""
    model: Any = apps.get_model(label)
    uri = f"{label}:{rule.name}"
    others = [
        trigger.get_uri(declared_on)
        for declared_on, trigger in registry.registered()
        if trigger.get_uri(declared_on) != uri
    ]
    try:
        with transaction.atomic():
            row = new_row(model)
            try:
                with transaction.atomic(), _without(others):
                    if rule.field:
                        update(model, row, rule.field)
                    else:
                        table = model._meta.concrete_model
                        table._base_manager.filter(pk=row.pk)._raw_delete("default")
                        with connections["default"].cursor() as cursor:
                            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                trouble = "does not refuse"
            except pgtrigger.TriggerError as error:
                trouble = "" if error.uri == uri else f"is not the one that refused: {error.uri}"
            except DatabaseError as error:
                own = rule.kind == "function" and "refused" in str(error)
                trouble = "" if own else f"fails: {error}"
            transaction.set_rollback(True)
    except DatabaseError as error:
        return f"cannot be tried: {error}"
    return trouble


def _missing_events(label: str) -> Iterator[str]:
    model: Any = apps.get_model(label)
    events = model.pgh_event_model
    rules = [
        trigger.get_uri(declared_on)
        for declared_on, trigger in registry.registered()
        if not hasattr(trigger, "event_model")
    ]
    fields = [field.name for field in model._meta.local_fields if type(field).__name__ in TYPES]
    fields = [name for name in fields if name not in ("id", "part")]
    try:
        with transaction.atomic(), _without(rules):
            expected = ["insert"]
            row = new_row(model)
            if fields:
                update(model, row, fields[0])
                expected.append("update")
            model._base_manager.filter(pk=row.pk)._raw_delete("default")
            expected.append("delete")
            found = [*events.objects.order_by("pgh_id").values_list("pgh_label", flat=True)]
            transaction.set_rollback(True)
    except DatabaseError as error:
        yield f"{label}: a write fails: {error}"
        return
    if found != expected:
        yield f"{label}: there are events of {found}, expected were {expected}"


def _broken_through(label: str, name: str) -> Iterator[str]:
    model: Any = apps.get_model(label)
    through = getattr(model, name).through
    uri = f"{through._meta.label}:through"
    others = [
        trigger.get_uri(declared_on)
        for declared_on, trigger in registry.registered()
        if trigger.get_uri(declared_on) != uri
    ]
    try:
        with transaction.atomic(), _without(others):
            row = new_row(model)
            other = new_row(model._meta.get_field(name).related_model, 7, is_second=True)
            getattr(row, name).add(other)
            try:
                with transaction.atomic():
                    getattr(row, name).clear()
                yield f"{uri} does not refuse"
            except pgtrigger.TriggerError as error:
                if error.uri != uri:
                    yield f"{uri} is not the one that refused: {error.uri}"
            transaction.set_rollback(True)
    except DatabaseError as error:
        yield f"{uri} cannot be tried: {error}"


def _without(uris: list[str]) -> Any:
    """Ignore these rules; ``ignore()`` without one would ignore every rule."""
    return pgtrigger.ignore(*uris) if uris else contextlib.nullcontext()


def new_row(model: Any, number: int = 5, *, is_second: bool = False) -> Any:
    """Create a row whose key, if it is not generated, is the number.

    A second row differs from the first in every field, because one may be unique. The rows that it
    must refer to are created too.
    """
    values: dict[str, Any] = {}
    targets = 0
    for field in model._meta.concrete_fields:
        name = type(field).__name__
        if field.name == "id" and name not in ("AutoField", "BigAutoField"):
            values["id"] = field.to_python(number)
        elif field.many_to_one and not field.null:
            values[field.name] = new_row(
                field.related_model, number + 10 * targets, is_second=targets > 0
            )
            targets += 1
        elif is_second and name in TYPES:
            values[field.name] = _second_value(field)
    return model._base_manager.create(**values)


def update(model: Any, row: Any, name: str) -> None:
    """Give the field another value."""
    second = _second_value(model._meta.get_field(name))
    model._base_manager.filter(pk=row.pk).update(**{name: second})


def _second_value(field: Any) -> Any:
    _, _, second = TYPES[type(field).__name__]
    return eval(second, dict(NAMES))


def left_at_zero() -> list[str]:
    """Return the tables and functions of the apps that a database without their tables has."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'S')"
        )
        tables = [name for (name,) in cursor.fetchall() if not name.startswith(_OF_THE_LIBRARIES)]
    return tables + [name for _, name in catalog.orphaned_functions(connections["default"])]
