"""Find declared triggers that PostgreSQL accepts but that probably do not do what was meant.

pgtrigger.L001
    Two BEFORE row triggers set or read the same field: their names decide which fires first.
pgtrigger.L002
    A function has no RETURN.
pgtrigger.L003
    A function writes its own table, so that it fires again.
pgtrigger.L004
    ``AtMost`` counts rows by a foreign key without an index.
pgtrigger.L005
    The extension ``plpgsql_check`` reports a problem; needs the extension.
pgtrigger.L006
    Hand-written SQL reads a virtual generated column, which is NULL in a trigger.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from pgtrigger.database import catalog
from pgtrigger.triggers import registry
from pgtrigger.triggers.at_most import AtMost
from pgtrigger.triggers.relations import foreign_key
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    NEW,
    ROW_VARIABLES,
    columns_of,
    is_virtual,
    own_field,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.registry import Registered
    from pgtrigger.triggers.trigger import Trigger

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_RETURN = re.compile(r"\b(RETURN|RAISE)\b", re.IGNORECASE)
_ASSIGNED = re.compile(r'\bNEW\.(?:"((?:[^"]|"")+)"|(\w+))\s*:?=(?!=)', re.IGNORECASE)
_READ = r'\b(?:OLD|NEW)\."?{}"?(?!\w)'
_STATEMENT = r'\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:ONLY\s+)?(?:"?\w+"?\.)?"?{}"?(?!\w)'


@dataclass(frozen=True)
class Finding:
    """Something to look at: its kind, the trigger, why it matters, and what to do."""

    id: str
    uri: str
    reason: str
    remedy: str


def lint(*uris: str, database: str | None = None) -> list[Finding]:
    """Return the findings of these triggers or all, by URI."""
    declared = [
        (model, trigger)
        for model, trigger in registry.registered(*uris)
        if trigger.allow_migrate(model, database)
    ]
    found = [
        *_order(declared),
        *(finding for model, trigger in declared for finding in _of_function(model, trigger)),
        *(finding for model, trigger in declared for finding in _of_keys(model, trigger)),
        *(finding for model, trigger in declared for finding in _of_virtual(model, trigger)),
        *_checked_by_extension(declared, database),
    ]
    return sorted(found, key=lambda finding: (finding.uri, finding.id))


def _order(declared: Sequence[Registered]) -> Iterator[Finding]:
    """Find pairs of BEFORE triggers whose first one does not see what the second one sets.

    https://www.postgresql.org/docs/current/trigger-definition.html
    """
    before = [
        (model, trigger)
        for model, trigger in declared
        if trigger.when == clauses.Before and trigger.level == clauses.Row
    ]
    before.sort(key=lambda pair: pair[1].get_pgid(pair[0]))
    for (model, first), (other_model, second) in itertools.combinations(before, 2):
        if model._meta.db_table != other_model._meta.db_table or not _share(first, second):
            continue
        later = {*_written(model, second)}
        both = later & ({*_written(model, first)} | _read(model, first))
        for field in sorted(both, key=lambda field: field.name):
            yield Finding(
                "pgtrigger.L001",
                first.get_uri(model),
                f'It fires before "{second.name}", because PostgreSQL sorts triggers by name, and '
                f'does not see that "{second.name}" sets {field.name}.',
                "If it should, choose names that sort the other way round.",
            )


def _share(first: Trigger, second: Trigger) -> bool:
    names = [set(each.operation.names if each.operation else ()) for each in (first, second)]
    return bool(names[0] & names[1])


def _written(model: type[Model], trigger: Trigger) -> set[Field[Any, Any]]:
    """The fields that the trigger sets: declared, or assigned in its function."""
    by_column = {field.column: field for field in model._meta.concrete_fields}
    assigned = {
        by_column[column]
        for quoted, plain in _ASSIGNED.findall(_body(model, trigger))
        if (column := quoted.replace('""', '"') or plain.lower()) in by_column
    }
    return assigned | {own_field(model, name) for name in trigger.writes or ()}


def _read(model: type[Model], trigger: Trigger) -> set[Field[Any, Any]]:
    """The fields of the new row that the trigger's condition names, if it names some."""
    condition = trigger.get_condition(model)
    if condition is None or getattr(condition, "fields", None) == ():
        return set()  # every field: it looks for any change
    return {field for side, field in condition.columns(model) if side == NEW}


def _of_function(model: type[Model], trigger: Trigger) -> Iterator[Finding]:
    body = _body(model, trigger)
    if not body:
        return
    uri = trigger.get_uri(model)
    if not _RETURN.search(body):
        yield Finding(
            "pgtrigger.L002",
            uri,
            "Its function has no RETURN, so PostgreSQL refuses every write for which it fires.",
            "End the function with RETURN NEW, OLD or NULL.",
        )
    table = re.escape(model._meta.db_table.strip('"'))
    writes = re.search(_STATEMENT.format(table), body, re.IGNORECASE)
    is_own = not type(trigger).__module__.startswith("pgtrigger.triggers.") or trigger.func
    if writes and is_own and "pg_trigger_depth" not in body:
        yield Finding(
            "pgtrigger.L003",
            uri,
            f"Its function writes its own table ({writes.group(0).split()[0].upper()}), whose "
            "triggers fire again.",
            "Set NEW in a BEFORE trigger instead, or add a condition that ends the recursion.",
        )


def _of_keys(model: type[Model], trigger: Trigger) -> Iterator[Finding]:
    if isinstance(trigger, AtMost):
        key = foreign_key(trigger, model, trigger.per)
        if not _has_index(model, key):
            yield Finding(
                "pgtrigger.L004",
                trigger.get_uri(model),
                f"It counts rows by {key.name}, which has no index, so it reads the whole table.",
                f"Remove db_index=False from {model._meta.label}.{key.name}, or add an index that "
                "begins with it.",
            )


def _of_virtual(model: type[Model], trigger: Trigger) -> Iterator[Finding]:
    """Find virtual columns in hand-written SQL. In a ``Q``, their expression replaces them.

    https://www.postgresql.org/docs/current/ddl-generated-columns.html
    """
    condition = trigger.get_condition(model)
    texts = {"condition": condition.render(model, ROW_VARIABLES) if condition is not None else ""}
    texts["function"] = _body(model, trigger)
    for field in filter(is_virtual, columns_of(model)):
        pattern = re.compile(_READ.format(re.escape(str(field.column))), re.IGNORECASE)
        for place, text in texts.items():
            if pattern.search(text):
                yield Finding(
                    "pgtrigger.L006",
                    trigger.get_uri(model),
                    f"Its {place} reads {field.name}, a virtual generated column. PostgreSQL "
                    "computes it when a table is read, so that it is NULL in a trigger.",
                    "Write the condition with pgtrigger.Q, which puts the expression in its place, "
                    "or write the expression, or use db_persist=True.",
                )


def _has_index(model: type[Model], field: Any) -> bool:
    if field.db_index or field.unique:
        return True
    constraints: list[Any] = list(model._meta.constraints)
    lists = [
        *(index.fields for index in model._meta.indexes),
        *(constraint.fields for constraint in constraints if hasattr(constraint, "fields")),
    ]
    return any(fields and fields[0] == field.name for fields in lists)


def _checked_by_extension(declared: Iterable[Registered], database: str | None) -> list[Finding]:
    """Return plpgsql_check's findings on installed functions, in a transaction that is rolled back.

    https://github.com/okbob/plpgsql_check
    """
    alias = database or DEFAULT_DB_ALIAS
    connection = connections[alias]
    found: list[Finding] = []
    if connection.vendor != "postgresql":
        return found
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'plpgsql_check'")
        if not cursor.fetchone():
            return found
        cursor.execute("CREATE EXTENSION IF NOT EXISTS plpgsql_check")
        snapshot = catalog.read(connection)
        for model, trigger in declared:
            if snapshot.find(model._meta.db_table, trigger.get_pgid(model)) is None:
                continue
            names = trigger.get_referencing(model)
            cursor.execute(
                _CHECK,
                {
                    "table": connection.ops.quote_name(model._meta.db_table),
                    "pgid": trigger.get_pgid(model),
                    "old": names.old if names else None,
                    "new": names.new if names else None,
                },
            )
            for level, message, hint in cursor.fetchall():
                found.append(
                    Finding(
                        "pgtrigger.L005",
                        trigger.get_uri(model),
                        f"plpgsql_check: {level}: {message}",
                        hint or "See the documentation of plpgsql_check.",
                    )
                )
        transaction.set_rollback(True, using=alias)
    return found


_CHECK = """
    SELECT c.level, c.message, c.hint
    FROM pg_trigger t, plpgsql_check_function_tb(
        t.tgfoid, t.tgrelid, oldtable => %(old)s::name, newtable => %(new)s::name
    ) c
    WHERE t.tgrelid = %(table)s::regclass AND t.tgname = %(pgid)s
"""


def _body(model: type[Model], trigger: Trigger) -> str:
    return _COMMENT.sub("", str(trigger.compile(model).sql.func))
