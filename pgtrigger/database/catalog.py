"""Read the installed triggers, and whether they are as they were installed.

https://www.postgresql.org/docs/current/catalog-pg-trigger.html
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from psycopg import sql

from pgtrigger import compiler, naming
from pgtrigger.sql import comments
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable

INSTALLED = "INSTALLED"
OUTDATED = "OUTDATED"
UNINSTALLED = "UNINSTALLED"
UNALLOWED = "UNALLOWED"
PRUNE = "PRUNE"

# pg_trigger.tgenabled, and how to put it back.
ENABLED_STATES = {
    "O": ("ENABLED", "ENABLE TRIGGER"),
    "D": ("DISABLED", "DISABLE TRIGGER"),
    "R": ("REPLICA", "ENABLE REPLICA TRIGGER"),
    "A": ("ALWAYS", "ENABLE ALWAYS TRIGGER"),
}


@dataclass(frozen=True)
class InstalledTrigger:
    """A row of ``pg_trigger``, with its table and its function."""

    schema: str
    table: str
    pgid: str
    enabled_state: str
    definition: str
    definition_now: str
    comment: str
    function_schema: str
    function: str
    function_source: str
    function_now: str
    function_comment: str
    function_shared: bool
    on_visible_table: bool

    @property
    def is_constraint(self) -> bool:
        """Return whether it is a constraint trigger, which cannot be replaced."""
        return self.definition.startswith("CREATE CONSTRAINT")

    @property
    def enabled(self) -> bool:
        """Return whether it fires for an ordinary write."""
        return self.enabled_state in "OA"

    @property
    def state(self) -> str:
        """ENABLED, DISABLED, ALWAYS or REPLICA."""
        return ENABLED_STATES[self.enabled_state][0]

    @property
    def uri(self) -> str:
        """The URI of the declaration that its comment names; empty without such a comment."""
        mark = comments.read(self.comment)
        return mark.label if mark else ""

    @property
    def reports(self) -> bool:
        """Return whether its function records what it would refuse."""
        return naming.VIOLATIONS in self.function_source

    @property
    def declared_mark(self) -> str:
        """The comment without its hash of the catalog; empty if that hash is stale."""
        mark = comments.read(self.comment)
        intact = mark is not None and mark.catalog == self.definition_now
        return self.comment.removesuffix(self.definition_now) if intact else ""

    def is_defined_as(self, declared: compiler.UpsertTriggerSql) -> bool:
        """Return whether the trigger is what was declared, and nobody changed it since."""
        mark = comments.read(self.comment)
        return mark is not None and mark.fits(declared.definition_hash, self.definition_now)

    def does_as(self, declared: compiler.UpsertTriggerSql) -> bool:
        """Return whether the function is what was declared, and nobody changed it since."""
        if not declared.makes_function:
            return True
        mark = comments.read(self.function_comment)
        return (
            self.calls_function_of(declared)
            and mark is not None
            and mark.fits(declared.body_hash, self.function_now)
        )

    def calls_function_of(self, declared: compiler.UpsertTriggerSql) -> bool:
        """Return whether its function is the one that the declaration makes, if it makes one."""
        wanted = (self.schema, declared.function_name)
        return not declared.makes_function or (self.function_schema, self.function) == wanted


@dataclass(frozen=True)
class Table:
    """A table of the database, with the names of the engine's triggers on it."""

    schema: str
    oid: int
    trigger_names: list[str]


@dataclass(frozen=True)
class Snapshot:
    """The engine's triggers in one database, as one query returned them."""

    triggers: tuple[InstalledTrigger, ...]

    @functools.cached_property
    def _index(self) -> dict[tuple[str, str], list[InstalledTrigger]]:
        index: dict[tuple[str, str], list[InstalledTrigger]] = {}
        for trigger in self.triggers:
            index.setdefault((trigger.table, trigger.pgid), []).append(trigger)
        return index

    def find(self, table: str, pgid: str) -> InstalledTrigger | None:
        """Return the trigger of that name on the table that ``search_path`` finds by its name."""
        schema, name = naming.split_table(table)
        candidates = self._index.get((name, pgid), [])
        for found in candidates:
            if found.schema == schema or (schema is None and found.on_visible_table):
                return found
        return None

    def visible(self) -> list[InstalledTrigger]:
        """Return the triggers on tables that ``search_path`` finds by their name alone."""
        return [trigger for trigger in self.triggers if trigger.on_visible_table]


def status(
    compiled: compiler.Trigger, installed: InstalledTrigger | None
) -> tuple[str, bool | None]:
    """Return the status of a declared trigger, and whether it is enabled."""
    if installed is None:
        return UNINSTALLED, None
    fits = installed.is_defined_as(compiled.sql) and installed.does_as(compiled.sql)
    return (INSTALLED if fits else OUTDATED), installed.enabled


def read(connection: Any, *tables: str) -> Snapshot:
    """Return the engine's triggers on these tables, or on all tables, with one query.

    The clones that PostgreSQL creates on a table's partitions are left out, and so are the copies
    of ``pgtrigger.database.partitions``.
    """
    names = [naming.split_table(table)[1] for table in tables]
    in_transaction = transaction.atomic(using=connection.alias, savepoint=False)
    with in_transaction, connection.cursor() as cursor:
        cursor.execute(query(__package__, "pin_search_path"))
        path, path_schemas, _ = cursor.fetchone()
        wanted = {"prefix": naming.PREFIX, "all": not names, "tables": names}
        cursor.execute(_triggers(), {**wanted, "schemas": path_schemas})
        rows = cursor.fetchall()
        cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
    return Snapshot(tuple(InstalledTrigger(*row) for row in rows))


def render(connection: Any, table: str, pgid: str) -> list[str]:
    """Return the lines of a trigger's function and definition, as PostgreSQL renders them."""
    installed = read(connection, table).find(table, pgid)
    if installed is None:
        return []
    with connection.cursor() as cursor:
        name = sql.Identifier(installed.function_schema, installed.function).as_string()
        cursor.execute(
            "SELECT pg_catalog.pg_get_functiondef((%s || '()')::pg_catalog.regprocedure)", [name]
        )
        (function,) = cursor.fetchone()
    return [*function.rstrip().splitlines(), installed.definition]


def tables(connection: Any, names: Iterable[str]) -> dict[str, Table]:
    """Return the tables that ``search_path`` finds by these names."""
    by_text = {naming.table_identifier(name).as_string(): name for name in names}
    with connection.cursor() as cursor:
        parameters = {"prefix": naming.PREFIX, "names": list(by_text)}
        cursor.execute(query(__package__, "tables"), parameters)
        return {by_text[text]: Table(*found) for text, *found in cursor.fetchall()}


def schemas_of_types(connection: Any, names: Iterable[str]) -> dict[str, str]:
    """Return the schema of each type that ``search_path`` finds by its name."""
    wanted = sorted(names)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(query(__package__, "types"), {"names": wanted})
        return dict(cursor.fetchall())


def text_search_configurations(connection: Any, names: Iterable[str]) -> dict[str, str]:
    """Return the name with its schema of each configuration that ``search_path`` finds."""
    wanted = sorted(names)
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(query(__package__, "configurations"), {"names": wanted})
        return dict(cursor.fetchall())


def search_path(connection: Any) -> list[str]:
    """Return the schemas in which names are looked up, without pg_catalog and pg_temp."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.current_schemas(false)::pg_catalog.text[]")
        (schemas,) = cursor.fetchone()
    return [each for each in schemas if not each.startswith("pg_temp")]


def on_table(connection: Any, name: str) -> list[InstalledTrigger]:
    """Return the engine's triggers on the table that ``search_path`` finds by this name."""
    table = tables(connection, [name]).get(name)
    if table is None or not table.trigger_names:
        return []
    return [found for found in read(connection, name).triggers if found.schema == table.schema]


def depending_on_column(connection: Any, table: str, column: str) -> list[InstalledTrigger]:
    """Return the engine's triggers on the table whose definition, not function, names a column."""
    with connection.cursor() as cursor:
        identifier = naming.table_identifier(table).as_string()
        parameters = {"table": identifier, "column": column}
        cursor.execute(query(__package__, "depending"), parameters)
        names = {name for (name,) in cursor.fetchall()}
    return [found for found in on_table(connection, table) if found.pgid in names]


def orphaned_functions(connection: Any) -> list[tuple[str, str]]:
    """Return (schema, name) of the engine's functions in ``search_path`` that no trigger calls."""
    with connection.cursor() as cursor:
        cursor.execute(query(__package__, "orphaned_functions"), {"prefix": naming.PREFIX})
        return [(schema, name) for schema, name in cursor.fetchall()]


@functools.cache
def _triggers() -> str:
    expressions = {
        "trigger_in_catalog": comments.TRIGGER,
        "function_in_catalog": comments.FUNCTION,
    }
    return sql.SQL(query(__package__, "triggers")).format(**expressions).as_string()
