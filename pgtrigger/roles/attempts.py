"""Try, as a given role, to get past rules and history. The transaction is rolled back.

Most checks run a statement, because grants alone do not show all that a role can do. Ordinary
writes must work, and each attempt to get past a rule or history must fail.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog
from pgtrigger.roles import capturing, objects, planting
from pgtrigger.sql.ignore_check import IGNORE_SETTING, array
from pgtrigger.triggers import registry
from pgtrigger.triggers.protect import Protect
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgtrigger.database.catalog import InstalledTrigger
    from pgtrigger.roles.objects import GrantedRelation, Objects

SCHEMA = "pgtrigger_planted"
FORBIDDEN = "42501"  # insufficient_privilege


@dataclass(frozen=True)
class Result:
    """The result of an attempt.

    ``found`` is true if something is wrong: the role can do what it should not be able to do, or an
    ordinary statement fails.
    """

    check: str
    object: str
    found: bool
    detail: str


class CannotTry(LookupError):
    """The role does not exist, or the connection may not ``SET ROLE`` to it."""


def run(role: str, database: str | None = None) -> list[Result]:
    """Make all attempts as ``role``. Raise CannotTry if ``SET ROLE`` fails."""
    connection = connections[database or DEFAULT_DB_ALIAS]
    with transaction.atomic(using=connection.alias):
        try:
            return list(Attempts(role, connection).all())
        finally:
            transaction.set_rollback(True, using=connection.alias)


class Attempts:
    """The attempts of one role on one connection, inside a transaction."""

    def __init__(self, role: str, connection: Any):
        self.role = role
        self.connection = connection
        self.objects: Objects = objects.read(connection)
        self.triggers = catalog.read(connection).visible()
        self._execute("SET LOCAL lock_timeout = '2s'")
        with self._savepoint():
            try:
                self._become()
            except DatabaseError as error:
                raise CannotTry(
                    f'The connection cannot become the role "{role}": {error}. '
                    "Create the role with `pgtrigger roles --apply`. Then check as a superuser, or "
                    f"run GRANT {self.role} TO the owner and check as the owner."
                ) from error

    def all(self) -> Iterator[Result]:
        yield from self.standing()
        yield from self.becoming_the_owner()
        yield from self.ordinary_writes()
        yield from self.captured_writes()
        yield from self.forgery()
        yield from self.reading_views()
        yield from self.truncation()
        yield from self.triggers_and_functions()
        yield from self.ignoring()
        yield from self.replication_role()
        yield from self.definer_functions()
        yield from self.searched_schemas()
        yield from self.planted_objects()

    def standing(self) -> Iterator[Result]:
        """Check whether the role is a superuser, an owner, or a member of an owner.

        The owner of a schema may drop functions and tables in it, and so triggers.
        """
        [(is_superuser,)] = self._execute(
            "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = %s", [self.role]
        )
        yield Result("superuser", self.role, is_superuser, "a superuser can get past every rule")
        for powerful in _AS_SUPERUSER:
            [(is_member,)] = self._execute(
                "SELECT pg_catalog.pg_has_role(%s, %s, 'MEMBER')", [self.role, powerful]
            )
            detail = "its members can become superusers"
            yield Result("member of the server's role", powerful, is_member, detail)
        everything: tuple[Any, ...] = (
            *self.objects.containers,
            *self.objects.relations,
            *self.objects.owned,
        )
        owned = list(dict.fromkeys(each.label for each in everything if each.owner == self.role))
        yield Result("owner", ", ".join(owned[:3]) or self.role, bool(owned), _OWNER)
        for owner in self.objects.owners:
            if owner != self.role:
                [(is_member,)] = self._execute(
                    "SELECT pg_catalog.pg_has_role(%s, %s, 'MEMBER')", [self.role, owner]
                )
                yield Result("member of the owner", owner, is_member, _OWNER)

    def becoming_the_owner(self) -> Iterator[Result]:
        """Try to become a member of an owner, or to create what it looks up first.

        ``"$user"``, at the beginning of the default search_path, is the schema with its name.
        """
        for owner in self.objects.owners:
            if owner == self.role:
                continue
            grant = sql.SQL("GRANT {} TO {}").format(*map(sql.Identifier, (owner, self.role)))
            yield Result("GRANT the owner", owner, *self._is_possible(grant))
            create = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(owner))
            yield Result("CREATE SCHEMA", owner, *self._is_possible(create))

    def _is_possible(self, statement: sql.Composable) -> tuple[bool, str]:
        state, message = self._attempt(statement)
        return state is None, message or "the role can do it"

    def ordinary_writes(self) -> Iterator[Result]:
        """Try statements that match no row.

        PostgreSQL still checks privileges, and fires statement-level triggers.
        """
        for table in self.objects.tables:
            if table.is_written_by_triggers or table.kind not in ("r", "p"):
                continue
            for name, statement in _statements(table).items():
                state, message = self._attempt(statement)
                yield Result(f"ordinary {name}", table.label, state is not None, message or "works")

    def captured_writes(self) -> Iterator[Result]:
        """Check whether triggers may insert events.

        The privilege is read from the catalog, because statements that match no row do not insert
        events.
        """
        for each in capturing.written_as_caller(self.connection, self.objects):
            names = [target.identifier.as_string() for target in each.targets]
            [(may_insert,)] = self._execute(
                "SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(%s, name, 'INSERT')) "
                "FROM pg_catalog.unnest(%s::text[]) AS asked(name)",
                [self.role, names],
            )
            detail = "works, but the role can insert forged rows" if may_insert else str(each)
            yield Result("captured write", each.table, not may_insert, detail)

    def forgery(self) -> Iterator[Result]:
        """Try to write to the tables that only triggers write: events and contexts."""
        for table in self.objects.tables:
            if not table.is_written_by_triggers:
                continue
            state, message = self._attempt(_statements(table)["SELECT"])
            yield Result("ordinary SELECT", table.label, state is not None, message or "works")
            state, message = self._attempt(_statements(table)["DELETE"])
            yield self._must_be_refused("DELETE", table.label, state, message)
            for name in ("INSERT", "UPDATE"):
                yield self._on_each_column(name, table)

    def reading_views(self) -> Iterator[Result]:
        """Check that the role may read the views, and may not use partitions directly.

        There may be hundreds of both, so one query reads all privileges.
        """
        views = {each.identifier.as_string(): each for each in self.objects.views}
        partitions = {
            each.identifier.as_string(): each
            for each in self.objects.relations
            if each.is_partition and each.is_written_by_triggers
        }
        asked = self._execute(
            "SELECT name, pg_catalog.has_table_privilege(%s, name, 'SELECT'), "
            "pg_catalog.has_table_privilege(%s, name, 'INSERT, UPDATE, DELETE, TRUNCATE') "
            "FROM pg_catalog.unnest(%s::text[]) AS asked(name)",
            [self.role, self.role, [*views, *partitions]],
        )
        for name, may_read, may_write in asked:
            if name in views:
                detail = "works" if may_read else "permission denied"
                yield Result("ordinary SELECT", views[name].label, not may_read, detail)
            else:
                found = may_read or may_write
                detail = "the role can do it" if found else "permission denied"
                yield Result("partition", partitions[name].label, found, detail)

    def truncation(self) -> Iterator[Result]:
        """Try TRUNCATE, which does not fire row-level triggers."""
        for table in self.objects.tables:
            if table.kind in ("r", "p"):
                statement = sql.SQL("TRUNCATE {} CASCADE").format(table.identifier)
                state, message = self._attempt(statement)
                yield self._must_be_refused("TRUNCATE", table.label, state, message)

    def triggers_and_functions(self) -> Iterator[Result]:
        for table, trigger in self._one_trigger_of_each_table():
            name = sql.Identifier(trigger.pgid)
            tries = {
                "disable a trigger": sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}"),
                "drop a trigger": sql.SQL("DROP TRIGGER {1} ON {0}"),
                "TRIGGER": sql.SQL(
                    "CREATE TRIGGER pgtrigger_attempt BEFORE UPDATE ON {0} FOR EACH ROW "
                    "EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
                ),
            }
            for check, statement in tries.items():
                state, message = self._attempt(statement.format(table, name))
                yield self._must_be_refused(check, _label(trigger), state, message)
        for function in self.objects.functions:
            replaced = sql.SQL(
                "CREATE OR REPLACE FUNCTION {}() RETURNS pg_catalog.trigger LANGUAGE plpgsql "
                "AS 'BEGIN RETURN NULL; END'"
            ).format(function.identifier)
            state, message = self._attempt(replaced)
            yield self._must_be_refused("replace a function", function.label, state, message)
        # The owner of a schema may drop all, so one function of each is enough.
        for function in {each.schema: each for each in self.objects.functions}.values():
            dropped = sql.SQL("DROP FUNCTION {}() CASCADE").format(function.identifier)
            state, message = self._attempt(dropped)
            yield self._must_be_refused("drop a function", function.label, state, message)

    def ignoring(self) -> Iterator[Result]:
        """Ignore each rule with ``ignorable=False``, and try a write that the rule refuses."""
        installed = {(found.table, found.pgid): found for found in self.triggers}
        for model, trigger in registry.registered():
            name = naming.split_table(model._meta.db_table)[1]
            found = installed.get((name, trigger.get_pgid(model)))
            if trigger.ignorable or found is None:
                continue
            uri = trigger.get_uri(model)
            if IGNORE_SETTING in found.function_source:
                yield Result("ignore a rule", uri, True, f"its function reads {IGNORE_SETTING}")
                continue
            statement = _forbidden_write(trigger, found)
            if statement is None:
                detail = f"its function does not read {IGNORE_SETTING}"
                yield Result("ignore a rule", uri, False, detail)
                continue
            key = array(frozenset([naming.ignore_key(found.table, found.pgid)]))
            state, message = self._attempt(
                statement, f"SET LOCAL {IGNORE_SETTING} = {sql.Literal(key).as_string()}"
            )
            count = self._rows_written
            detail = f"rows written: {count}"
            yield Result("ignore a rule", uri, state is None and count > 0, message or detail)

    def replication_role(self) -> Iterator[Result]:
        state, message = self._attempt("SET LOCAL session_replication_role = replica")
        yield self._must_be_refused("session_replication_role", self.role, state, message)

    def definer_functions(self) -> Iterator[Result]:
        """Try to use each SECURITY DEFINER function in a trigger on a temporary table."""
        table = sql.Identifier("pgtrigger_attempt")
        for function in self.objects.functions:
            if not function.is_definer:
                continue
            state, message = self._attempt(
                sql.SQL(
                    "CREATE TRIGGER attempt AFTER INSERT ON pg_temp.{} FOR EACH ROW "
                    "EXECUTE FUNCTION {}()"
                ).format(table, function.identifier),
                sql.SQL("CREATE TEMPORARY TABLE {} (id pg_catalog.int4)").format(table),
            )
            yield self._must_be_refused("EXECUTE", function.label, state, message)

    def searched_schemas(self) -> Iterator[Result]:
        """Check whether the role may create objects in a schema of a function's search_path."""
        for function in self.objects.functions:
            path = function.path
            if (path is None or path[-1:] != ("pg_temp",)) and function.is_definer:
                detail = "it runs as its owner, and its search_path does not end with pg_temp"
                yield Result("search_path", function.label, True, detail)
            for schema in path or ():
                if schema in ("pg_catalog", "pg_temp"):
                    continue
                [(may_create,)] = self._execute(
                    "SELECT pg_catalog.has_schema_privilege(%s, n.oid, 'CREATE') "
                    "FROM pg_catalog.pg_namespace n WHERE n.nspname = %s",
                    [self.role, schema],
                ) or [(False,)]
                detail = f"the search_path of the function contains the schema {schema}"
                yield Result("CREATE", f"{schema} ({function.label})", may_create, detail)

    def planted_objects(self) -> Iterator[Result]:
        """Try ordinary writes while planted objects come first in the search_path.

        A planted object has the name of a table that triggers write, or of a function, operator or
        type of PostgreSQL. If a trigger uses a planted function, operator or type, the write fails
        with ``planting.MESSAGE``.
        """
        tables = {each.name: each for each in self.objects.tables}
        hidden = [each.name for each in self.objects.tables if each.is_written_by_triggers]
        with self._savepoint():
            try:
                for statement in planting.operators_and_functions(SCHEMA):
                    self._execute(statement)
                self._become()
                for statement in planting.types_and_tables(hidden):
                    self._execute(statement)
            except DatabaseError as error:
                detail = f"not tried: a schema or a type cannot be created ({error})"
                yield Result("planted objects", self.role, False, detail)
                return
            for installed in dict.fromkeys(found.table for found in self.triggers):
                table = tables.get(installed)
                if table is None or table.is_written_by_triggers:
                    continue
                for name, write in _statements(table, rows=1).items():
                    _, message = self._attempt(
                        write,
                        f"SET LOCAL {IGNORE_SETTING} = '{{none}}'",
                        f"SET LOCAL search_path = {SCHEMA}, pg_catalog, public",
                    )
                    found = planting.MESSAGE in message
                    detail = message if found else "not used"
                    yield Result(f"planted objects, {name}", table.label, found, detail)

    def _one_trigger_of_each_table(self) -> Iterator[tuple[sql.Identifier, InstalledTrigger]]:
        for trigger in {(each.schema, each.table): each for each in self.triggers}.values():
            yield sql.Identifier(trigger.schema, trigger.table), trigger

    def _on_each_column(self, name: str, table: GrantedRelation) -> Result:
        """Try each column, because a privilege may be granted for one of them."""
        for column in table.columns:
            one = replace(table, columns=(column,))
            state, message = self._attempt(_statements(one)[name])
            result = self._must_be_refused(name, f"{table.label}.{column}", state, message)
            if result.found:
                break
        return replace(result, object=result.object if result.found else table.label)

    def _must_be_refused(self, check: str, name: str, state: str | None, message: str) -> Result:
        return Result(check, name, state != FORBIDDEN, message or "the role can do it")

    def _attempt(
        self, statement: str | sql.Composable, *before: str | sql.Composable
    ) -> tuple[str | None, str]:
        """Return the SQLSTATE and the message of the error, or None and "" if there is no error."""
        self._rows_written = 0
        with self._savepoint():
            try:
                self._become()
                for each in before:
                    self._execute(each)
                with self.connection.cursor() as cursor:
                    cursor.execute(_as_text(statement))
                    self._rows_written = max(cursor.rowcount, 0)
            except DatabaseError as error:
                cause = error.__cause__
                state = cause.sqlstate if isinstance(cause, psycopg.Error) else None
                return state or "?", str(error).partition("\n")[0]
        return None, ""

    def _become(self) -> None:
        self._execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self.role)))

    def _execute(self, statement: str | sql.Composable, params: Any = None) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(_as_text(statement), params)
            return list(cursor.fetchall()) if cursor.description else []

    @contextlib.contextmanager
    def _savepoint(self) -> Iterator[None]:
        """A savepoint that is always rolled back."""
        with transaction.atomic(using=self.connection.alias):
            try:
                yield
            finally:
                transaction.set_rollback(True, using=self.connection.alias)


def _statements(table: GrantedRelation, rows: int = 0) -> dict[str, sql.Composable]:
    """Return a SELECT, INSERT, UPDATE and DELETE.

    UPDATE and DELETE match at most ``rows`` rows; SELECT and INSERT match none.
    """
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    first = sql.Identifier(table.columns[0])
    limit = sql.Literal(rows)
    names = {"table": table.identifier, "columns": columns, "first": first, "limit": limit}
    return {name: sql.SQL(statement).format(**names) for name, statement in _TEMPLATES.items()}


_CHOSEN = (
    "ctid OPERATOR(pg_catalog.=) ANY "
    "(ARRAY(SELECT ctid FROM {table} LIMIT CAST({limit} AS pg_catalog.int8)))"
)
_TEMPLATES = {
    "SELECT": "SELECT {columns} FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE false",
    "UPDATE": "UPDATE {table} SET {first} = {first} WHERE " + _CHOSEN,
    "DELETE": "DELETE FROM {table} WHERE " + _CHOSEN,
}
# https://www.postgresql.org/docs/current/predefined-roles.html
_AS_SUPERUSER = ("pg_execute_server_program", "pg_write_server_files")
_OWNER = "an owner can disable, drop and replace triggers, and grant itself any privilege"


def _forbidden_write(trigger: Any, found: InstalledTrigger) -> sql.Composable | None:
    """Return a DELETE of one row that the rule refuses, or None if it may allow some deletions.

    Only a row-level ``Protect`` without a condition is known to refuse the deletion of any row.
    """
    is_plain = type(trigger) is Protect and trigger.condition is None
    if not is_plain or trigger.level != clauses.Row or clauses.Delete not in trigger.operation:
        return None
    return sql.SQL(_TEMPLATES["DELETE"]).format(
        table=sql.Identifier(found.schema, found.table), limit=sql.Literal(1)
    )


def _label(trigger: InstalledTrigger) -> str:
    return f"{trigger.schema}.{trigger.table}:{trigger.pgid}"


def _as_text(statement: str | sql.Composable) -> str:
    return statement if isinstance(statement, str) else statement.as_string()
