"""A trigger as SQL: frozen, comparable, written into migrations.

Nothing here knows Django's models or opens a connection. ``Trigger`` and the four ``…Sql`` classes
are named by migration files, so they stay importable from here.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql import comments, ignore_check
from pgtrigger.sql.function_body import (
    Body,
    InstallersPath,
    Operator,
    Place,
    Quoted,
    Relation,
    SchemaOf,
    SearchPath,
    Target,
    TextSearch,
    dollar_quote,
)

__all__ = [
    "Body",
    "DisableTriggerSql",
    "DropTriggerSql",
    "EnableTriggerSql",
    "InstallersPath",
    "Operator",
    "Quoted",
    "Relation",
    "SchemaOf",
    "SearchPath",
    "Target",
    "TextSearch",
    "Trigger",
    "UpsertTriggerSql",
]

_EXECUTE = re.compile(r"\s*EXECUTE\s+(FUNCTION|PROCEDURE)\s", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class UpsertTriggerSql:
    """The SQL that creates or replaces a trigger and its function.

    ``func`` is the statements between BEGIN and END; the other texts are clauses of
    CREATE TRIGGER and CREATE FUNCTION as they are written there, empty to omit the clause.
    ``execute`` is the call of a function, such as ``suppress_redundant_updates_trigger()``, or the
    whole clause: ``EXECUTE FUNCTION suppress_redundant_updates_trigger()``. If the function has the
    name ``pgid``, it is created from ``func``; any other function must exist.

    A SECURITY DEFINER function cannot be executed by PUBLIC: a role that may execute a trigger
    function can attach it to a temporary table, and so write what only the owner may write.
    See also Note [Names in functions].
    """

    pgid: str
    table: str
    func: str | Body
    operation: str
    when: str
    level: str = "ROW"
    declare: str = ""
    condition: str = ""
    constraint: str = ""
    timing: str = ""
    referencing: str = ""
    execute: str = ""
    ignorable: bool = True
    security: str = ""
    search_path: tuple[Place, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    uri: str = ""
    hash: str = field(default="", compare=False)
    ignore_func_name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if item.default == "" and getattr(self, item.name) is None:
                object.__setattr__(self, item.name, "")
        if not self.hash:
            object.__setattr__(
                self, "hash", _digest(f"{self.definition_hash}{self.body_hash}{self.table}")
            )

    @property
    def makes_function(self) -> bool:
        """Return whether it creates its function, instead of calling an existing one."""
        return not self.execute or (bool(self.func) and calls(self.execute, self.pgid))

    @property
    def function_name(self) -> str:
        """The function's name without its schema. With ``execute``: the trigger's name."""
        return self.pgid if self.execute else naming.function_identifier(self.pgid, self.table)

    @property
    def execute_clause(self) -> str:
        """``execute`` as a clause of CREATE TRIGGER, or empty.

        https://www.postgresql.org/docs/current/sql-createtrigger.html
        """
        is_call = self.execute and not _EXECUTE.match(self.execute)
        return f"EXECUTE FUNCTION {self.execute}" if is_call else self.execute

    @property
    def definition_hash(self) -> str:
        """The hash of the trigger's declaration, without its function."""
        return _digest(
            "\n".join(
                (
                    *(self.pgid, self.operation, self.when, self.level, self.condition),
                    *(self.constraint, self.timing, self.referencing),
                    self.execute_clause or self.function_name,
                )
            )
        )

    @functools.cached_property
    def body_hash(self) -> str:
        """The hash of the declaration of the trigger's function."""
        return _digest(self.function_definition(Target(self.table)))

    @property
    def tables(self) -> set[str]:
        """The tables whose schemas must be known to install this."""
        return self.func.tables() if isinstance(self.func, Body) else set()

    @property
    def reports(self) -> bool:
        """Return whether its function records what it would refuse."""
        return naming.VIOLATIONS in self.tables

    @property
    def types(self) -> set[str]:
        """The types whose schemas must be known to install this."""
        of_body = self.func.types() if isinstance(self.func, Body) else set()
        return of_body | {each.type for each in self.search_path if isinstance(each, SchemaOf)}

    @property
    def configurations(self) -> set[str]:
        """Return the text search configurations whose schemas must be known to install this."""
        return self.func.configurations() if isinstance(self.func, Body) else set()

    @property
    def reads_installers_path(self) -> bool:
        """Return whether the search_path must be known to install this."""
        of_body = isinstance(self.func, Body) and self.func.reads_installers_path()
        return of_body or InstallersPath() in self.search_path

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        changed = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.compare and getattr(self, item.name) != item.default
        }
        return "pgtrigger.compiler.UpsertTriggerSql", [], changed

    def function_definition(self, target: Target) -> str:
        """``LANGUAGE plpgsql … AS …``: all of the function but its name."""
        options = ["LANGUAGE plpgsql"]
        if self.security:
            options.append(f"SECURITY {self.security}")
        if self.search_path:
            schemas = target.search_path(self.search_path)
            path = sql.SQL(", ").join(map(sql.Identifier, schemas))
            options.append(sql.SQL("SET search_path TO {}").format(path).as_string())
        for name, value in self.settings:
            setting = sql.SQL("SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
            options.append(setting.as_string())
        return " ".join([*options, "AS", dollar_quote(self.function_source(target))])

    def function_source(self, target: Target) -> str:
        """The text of the function, from DECLARE to END."""
        func = self.func.render(target) if isinstance(self.func, Body) else self.func
        check = [self._ignore_check()] if self.ignorable else []
        lines = [*([self.declare] if self.declare else []), "BEGIN", *check, func, "END;"]
        return "\n".join(lines)

    def function_sql(self, target: Target) -> str:
        """Return CREATE OR REPLACE FUNCTION."""
        function = target.function(self.function_name)
        create = sql.SQL("CREATE OR REPLACE FUNCTION {}() RETURNS TRIGGER ").format(function)
        statements = [f"{create.as_string()}{self.function_definition(target)};"]
        if self.security == "DEFINER":
            revoke = sql.SQL("REVOKE EXECUTE ON FUNCTION {}() FROM PUBLIC;").format(function)
            statements.append(revoke.as_string())
        if self.reports:
            sequence = target.function(naming.report_sequence(self.uri))
            number = sql.SQL("CREATE SEQUENCE IF NOT EXISTS {};").format(sequence)
            statements.append(number.as_string())
        return "\n".join(statements)

    def trigger_sql(self, target: Target) -> str:
        """Return CREATE OR REPLACE TRIGGER; a constraint trigger is dropped and created again."""
        clauses = [
            "CREATE" if self.constraint else "CREATE OR REPLACE",
            self.constraint,
            "TRIGGER",
            sql.Identifier(self.pgid).as_string(),
            self.when,
            self.operation,
            "ON",
            target.identifier.as_string(),
            self.timing,
            self.referencing,
            f"FOR EACH {self.level}",
            self.condition,
            self.execute_clause
            or sql.SQL("EXECUTE FUNCTION {}()")
            .format(target.function(self.function_name))
            .as_string(),
        ]
        create = " ".join(clause for clause in clauses if clause) + ";"
        if not self.constraint:
            return create
        return f"{_drop_trigger(self.pgid, target)}\n{create}"

    def comment_sql(self, target: Target) -> str:
        """Return SQL that writes the hashes of declaration and catalog into the comments."""
        label = self.uri or self.pgid
        function = f"{label} body={self.body_hash} catalog=" if self.makes_function else ""
        return comments.comment_sql(
            self.pgid, target, f"{label} definition={self.definition_hash} catalog=", function
        )

    def install_sql(self, target: Target | None = None) -> str:
        """The whole script."""
        target = target or Target(self.table)
        function = [self.function_sql(target)] if self.makes_function else []
        return "\n".join([*function, self.trigger_sql(target), self.comment_sql(target)])

    def __str__(self) -> str:
        return self.install_sql()

    def _ignore_check(self) -> str:
        if self.level == "STATEMENT":
            leave = "RETURN NULL;"
        elif self.operation == "DELETE":
            leave = "RETURN OLD;"
        elif "DELETE" in self.operation:
            leave = "IF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"
        else:
            leave = "RETURN NEW;"
        return ignore_check.check(naming.ignore_key(self.table, self.pgid), leave)


@dataclass(frozen=True)
class _TableCommand:
    """A statement on an installed trigger, by its name and table."""

    pgid: str
    table: str

    def __str__(self) -> str:
        return self.render(Target(self.table))

    def render(self, target: Target) -> str:
        raise NotImplementedError


class DropTriggerSql(_TableCommand):
    """Drops the trigger, then its function."""

    def render(self, target: Target) -> str:
        drop_function = sql.SQL("DROP FUNCTION IF EXISTS {}();").format(
            target.function(naming.function_identifier(self.pgid, self.table))
        )
        return f"{_drop_trigger(self.pgid, target)}\n{drop_function.as_string()}"


class EnableTriggerSql(_TableCommand):
    """Lets the trigger fire."""

    def render(self, target: Target) -> str:
        return alter_trigger(self.pgid, target, "ENABLE TRIGGER")


class DisableTriggerSql(_TableCommand):
    """Keeps the trigger from firing for any writer."""

    def render(self, target: Target) -> str:
        return alter_trigger(self.pgid, target, "DISABLE TRIGGER")


@dataclass(frozen=True)
class Trigger:
    """A compiled trigger by its declared name: what a migration holds."""

    name: str
    sql: UpsertTriggerSql

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Trigger", [], {"name": self.name, "sql": self.sql}

    @property
    def hash(self) -> str:
        return self.sql.hash

    @property
    def pgid(self) -> str:
        return self.sql.pgid

    @property
    def table(self) -> str:
        return self.sql.table

    @property
    def install_sql(self) -> str:
        return str(self.sql)

    @property
    def uninstall_sql(self) -> str:
        return str(DropTriggerSql(self.pgid, self.table))

    @property
    def enable_sql(self) -> str:
        return str(EnableTriggerSql(self.pgid, self.table))

    @property
    def disable_sql(self) -> str:
        return str(DisableTriggerSql(self.pgid, self.table))


def calls(execute: str, function: str) -> bool:
    """Return whether ``execute`` (a call or a whole clause) calls the function of this name."""
    return bool(re.search(rf'(?<![\w$-]){re.escape(function)}"?\s*\(', execute))


def alter_trigger(pgid: str, target: Target, action: str) -> str:
    """``ALTER TABLE … ENABLE|DISABLE [ALWAYS|REPLICA] TRIGGER …``."""
    return (
        sql.SQL("ALTER TABLE {} {} {};")
        .format(target.identifier, sql.SQL(action), sql.Identifier(pgid))
        .as_string()
    )


def _drop_trigger(pgid: str, target: Target) -> str:
    return (
        sql.SQL("DROP TRIGGER IF EXISTS {} ON {};")
        .format(sql.Identifier(pgid), target.identifier)
        .as_string()
    )


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]
