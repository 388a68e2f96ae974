"""Statements that create and drop compiled triggers, for a caller that has the engine's lock.

See `installer` and its Note [Concurrent installs].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger import compiler, naming
from pgtrigger.database import catalog, partitions
from pgtrigger.sql import comments, function_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgtrigger.database.catalog import InstalledTrigger

# Any constant will do: "pgtr" in ASCII.
ADVISORY_LOCK = 0x70677472


def lock(connection: Any) -> None:
    """Take the engine's lock for the rest of the transaction: see Note [Concurrent installs]."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])


def put(
    compiled: compiler.Trigger,
    connection: Any,
    *,
    table: str | None = None,
    enabled_state: str | None = None,
) -> bool:
    """Create the trigger, or change what differs. Return whether anything did.

    Args:
        table: the current name of its table, if that is not ``compiled.table``.
        enabled_state: the state of the trigger that it replaces, one of ``ENABLED_STATES``.
    """
    script = list(changes(compiled, connection, table=table, enabled_state=enabled_state))
    if script:
        with connection.cursor() as cursor:
            cursor.execute("\n".join(script))
    return bool(script)


def changes(
    compiled: compiler.Trigger,
    connection: Any,
    *,
    table: str | None = None,
    enabled_state: str | None = None,
) -> Iterator[str]:
    """Yield the statements that make the database fit the declaration; none if it does."""
    table = table or compiled.table
    declared = compiled.sql
    tables = catalog.tables(connection, {table, *declared.tables})
    if declared.reports and naming.VIOLATIONS not in tables:
        raise LookupError(
            f'{declared.uri} has mode="report", and the table {naming.VIOLATIONS} is not in the '
            f'database "{connection.alias}": run `manage.py migrate pgtrigger` first.'
        )
    installed = None
    if table in tables and compiled.pgid in tables[table].trigger_names:
        installed = catalog.read(connection, table).find(table, compiled.pgid)
    if installed and installed.is_defined_as(declared) and installed.does_as(declared):
        return
    target = _target(declared, connection, table, tables)
    # A schema that was renamed has another name in the function than in the catalog.
    is_same_function = (
        installed is not None
        and installed.does_as(declared)
        and installed.function_source.strip("\n") == declared.function_source(target).strip("\n")
    )
    if declared.makes_function and not is_same_function:
        yield declared.function_sql(target)
    if not (installed and installed.is_defined_as(declared)):
        if installed and installed.is_constraint and not declared.constraint:
            yield _drop_trigger(installed)
        yield declared.trigger_sql(target)
        enabled_state = installed.enabled_state if installed else enabled_state
        yield from _enabled_as(enabled_state, compiled.pgid, target)
    yield declared.comment_sql(target)
    if installed and not installed.calls_function_of(declared):
        yield from _drop_function(installed)
    elif installed and installed.reports and not declared.reports:
        yield _drop_sequence(installed)


def script(compiled: compiler.Trigger, connection: Any, table: str) -> str:
    """Return the SQL that installs the trigger, to be run later on this database.

    A table that does not exist yet is expected in the schema in which it would be created now.
    """
    tables = catalog.tables(connection, {table, *compiled.sql.tables})
    return compiled.sql.install_sql(_target(compiled.sql, connection, table, tables))


def _target(
    declared: compiler.UpsertTriggerSql,
    connection: Any,
    table: str,
    tables: dict[str, catalog.Table],
) -> function_body.Target:
    """Return where the trigger goes, with the schemas of all names in it.

    If no table has the name, for example because a table is renamed to it later, the schema of the
    trigger's table is used.
    """
    schemas = {name: found.schema for name, found in tables.items()}
    path = (
        catalog.search_path(connection)
        if declared.reads_installers_path or table not in tables
        else []
    )
    home = function_body.Target(table, schemas).schema or next(iter(path), "")
    return function_body.Target(
        table,
        {**dict.fromkeys({*declared.tables, table}, home), **schemas},
        catalog.schemas_of_types(connection, declared.types),
        path,
        catalog.text_search_configurations(connection, declared.configurations),
    )


def remove(
    compiled: compiler.Trigger, connection: Any, table: str | None = None
) -> InstalledTrigger | None:
    """Drop the trigger and its function. Return the trigger if there was one."""
    for installed in catalog.on_table(connection, table or compiled.table):
        if installed.pgid == compiled.pgid:
            with connection.cursor() as cursor:
                drop(installed, cursor)
            return installed
    return None


def drop(installed: InstalledTrigger, cursor: Any) -> None:
    """Drop an installed trigger, and its function unless other triggers call it."""
    drop_trigger(installed, cursor)
    drop_function(installed, cursor)


def drop_trigger(installed: InstalledTrigger, cursor: Any) -> None:
    """Drop an installed trigger with its copies on partitions, and keep its function."""
    for statement in drop_trigger_sql(installed, cursor):
        cursor.execute(statement)


def drop_trigger_sql(installed: InstalledTrigger, cursor: Any) -> Iterator[str]:
    """Yield the statements of ``drop_trigger()``."""
    table = f'"{installed.schema}"."{installed.table}"'
    for partition in partitions.with_copy(cursor, table, installed.pgid):
        drop = sql.SQL("DROP TRIGGER {} ON {};").format(sql.Identifier(installed.pgid), partition)
        yield drop.as_string()
    yield _drop_trigger(installed)


def drop_function(installed: InstalledTrigger, cursor: Any) -> None:
    """Drop the function of a trigger that has been dropped, unless other triggers call it."""
    for statement in _drop_function(installed):
        cursor.execute(statement)


def forget_plans(installed: InstalledTrigger, cursor: Any) -> None:
    """Let every session compile the trigger's function again, because a column gets another type.

    A session that has called it would fail with "type of parameter does not match that when
    preparing the plan": it keeps the plans of OLD and NEW until the function itself changes.
    A trigger's function has no arguments, so that CALLED ON NULL INPUT changes nothing else.

    https://www.postgresql.org/docs/current/plpgsql-implementation.html#PLPGSQL-PLAN-CACHING
    """
    if installed.function.startswith(naming.PREFIX):
        name = sql.Identifier(installed.function_schema, installed.function)
        statement = sql.SQL("ALTER FUNCTION {}() CALLED ON NULL INPUT").format(name)
        cursor.execute(statement.as_string())


def drop_functions(functions: list[tuple[str, str]], cursor: Any) -> None:
    """Drop the functions of these (schema, name)."""
    for schema, name in functions:
        cursor.execute(_DROP_FUNCTION.format(sql.Identifier(schema, name)).as_string())


def put_back(installed: InstalledTrigger, connection: Any) -> None:
    """Create a trigger again, as it was before it was dropped to alter its table."""
    with connection.cursor() as cursor:
        for statement in put_back_sql(installed):
            cursor.execute(statement)


def put_back_sql(installed: InstalledTrigger) -> Iterator[str]:
    """Yield the statements of ``put_back()``."""
    target = function_body.Target(f'"{installed.schema}"."{installed.table}"')
    yield f"{installed.definition};"
    yield from _enabled_as(installed.enabled_state, installed.pgid, target)
    if installed.declared_mark:
        yield comments.comment_sql(installed.pgid, target, installed.declared_mark)


def remark(installed: InstalledTrigger, table: str, connection: Any) -> None:
    """Renew the comment of a trigger whose definition PostgreSQL renders in another way now.

    A comment that did not fit the definition before is left as it is.

    Args:
        table: the current name of its table.
    """
    if installed.declared_mark:
        target = function_body.Target(table)
        with connection.cursor() as cursor:
            cursor.execute(comments.comment_sql(installed.pgid, target, installed.declared_mark))


def _enabled_as(state: str | None, pgid: str, target: function_body.Target) -> Iterator[str]:
    """Yield the statement that gives a new trigger, which is enabled, this state."""
    if state and state != "O":
        _, action = catalog.ENABLED_STATES[state]
        yield compiler.alter_trigger(pgid, target, action)


def _drop_trigger(installed: InstalledTrigger) -> str:
    return (
        sql.SQL("DROP TRIGGER {} ON {};")
        .format(sql.Identifier(installed.pgid), sql.Identifier(installed.schema, installed.table))
        .as_string()
    )


def _drop_function(installed: InstalledTrigger) -> Iterator[str]:
    is_ours = installed.function.startswith(naming.PREFIX)
    if is_ours and not installed.function_shared:
        name = sql.Identifier(installed.function_schema, installed.function)
        yield _DROP_FUNCTION.format(name).as_string()
        if installed.reports:
            yield _drop_sequence(installed)


def _drop_sequence(installed: InstalledTrigger) -> str:
    """A reporting rule numbers its records: see Note [Records without waiting]."""
    name = naming.report_sequence(installed.uri)
    return (
        sql.SQL("DROP SEQUENCE IF EXISTS {};")
        .format(sql.Identifier(installed.function_schema, name))
        .as_string()
    )


_DROP_FUNCTION = sql.SQL("DROP FUNCTION IF EXISTS {}();")
