"""A trigger as SQL: frozen, comparable, written into migrations.

Nothing here knows Django's models or opens a connection. ``Trigger`` and the four ``…Sql`` classes
are named by migration files, so they stay importable from here.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger import marks, naming
from pgtrigger.bodies import Body, Quoted, Relation, Target, dollar_quote

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Body",
    "DisableTriggerSql",
    "DropTriggerSql",
    "EnableTriggerSql",
    "Quoted",
    "Relation",
    "Target",
    "Trigger",
    "UpsertTriggerSql",
]

IGNORE_SETTING = "pgtrigger.ignore"
IGNORE_ALL_BUT_SETTING = "pgtrigger.ignore_all_but"


@dataclass(frozen=True, kw_only=True)
class UpsertTriggerSql:
    """What creates a trigger and its function, or replaces them.

    ``func`` is the statements between BEGIN and END; the other texts are clauses of
    CREATE TRIGGER and CREATE FUNCTION as they stand there, empty where there is none.
    With ``execute`` the trigger calls that function, and none is made.
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
    search_path: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    uri: str = ""
    hash: str = field(default="", compare=False)
    ignore_func_name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.hash:
            object.__setattr__(
                self, "hash", _digest(f"{self.definition_hash}{self.body_hash}{self.table}")
            )

    @property
    def function_name(self) -> str:
        """The function's name, without its schema."""
        return naming.function_identifier(self.pgid, self.table)

    @property
    def definition_hash(self) -> str:
        """What was declared of the trigger itself."""
        return _digest(
            "\n".join(
                (
                    *(self.pgid, self.operation, self.when, self.level, self.condition),
                    *(self.constraint, self.timing, self.referencing),
                    self.execute or self.function_name,
                )
            )
        )

    @functools.cached_property
    def body_hash(self) -> str:
        """What was declared of the trigger's function."""
        return _digest(self.function_definition(Target(self.table)))

    @property
    def tables(self) -> set[str]:
        """The tables whose schemas must be known to install this."""
        return self.func.tables() if isinstance(self.func, Body) else set()

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        changed = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.compare and getattr(self, item.name) != item.default
        }
        return "pgtrigger.compiler.UpsertTriggerSql", [], changed

    def function_definition(self, target: Target) -> str:
        """``LANGUAGE plpgsql … AS …``: all of the function but its name."""
        func = self.func.render(target.schemas) if isinstance(self.func, Body) else self.func
        lines = ["BEGIN", *self._ignore_check(), func, "END;"]
        if self.declare:
            lines.insert(0, self.declare)
        options = ["LANGUAGE plpgsql"]
        if self.security:
            options.append(f"SECURITY {self.security}")
        if self.search_path:
            path = sql.SQL(", ").join(map(sql.Identifier, self.search_path))
            options.append(naming.as_text(sql.SQL("SET search_path TO {}").format(path)))
        for name, value in self.settings:
            setting = sql.SQL("SET {} TO {}").format(sql.Identifier(name), sql.Literal(value))
            options.append(naming.as_text(setting))
        return " ".join([*options, "AS", dollar_quote("\n".join(lines))])

    def function_sql(self, target: Target) -> str:
        """Creates the function, or replaces it."""
        create = sql.SQL("CREATE OR REPLACE FUNCTION {}() RETURNS TRIGGER ").format(
            target.function(self.function_name)
        )
        return f"{naming.as_text(create)}{self.function_definition(target)};"

    def trigger_sql(self, target: Target) -> str:
        """Creates the trigger, or replaces it; a constraint trigger can only be made anew."""
        clauses = [
            "CREATE" if self.constraint else "CREATE OR REPLACE",
            self.constraint,
            "TRIGGER",
            naming.as_text(sql.Identifier(self.pgid)),
            self.when,
            self.operation,
            "ON",
            naming.as_text(target.identifier),
            self.timing,
            self.referencing,
            f"FOR EACH {self.level}",
            self.condition,
            self.execute
            or naming.as_text(
                sql.SQL("EXECUTE FUNCTION {}()").format(target.function(self.function_name))
            ),
        ]
        create = " ".join(clause for clause in clauses if clause) + ";"
        if not self.constraint:
            return create
        return f"{_drop_trigger(self.pgid, target)}\n{create}"

    def comment_sql(self, target: Target) -> str:
        """Leaves on trigger and function what was declared and how the catalog renders it."""
        label = self.uri or self.pgid
        function = "" if self.execute else f"{label} body={self.body_hash} catalog="
        return marks.comment_sql(
            self.pgid, target, f"{label} definition={self.definition_hash} catalog=", function
        )

    def install_sql(self, target: Target | None = None) -> str:
        """The whole script."""
        target = target or Target(self.table)
        function = [] if self.execute else [self.function_sql(target)]
        return "\n".join([*function, self.trigger_sql(target), self.comment_sql(target)])

    def __str__(self) -> str:
        return self.install_sql()

    def _ignore_check(self) -> Iterator[str]:
        if not self.ignorable:
            return
        yield naming.as_text(
            _IGNORED.format(
                escaped=sql.Literal(array_element(naming.ignore_key(self.table, self.pgid))),
                key=sql.Literal(naming.ignore_key(self.table, self.pgid)),
            )
        )
        if self.level == "STATEMENT":
            yield "            RETURN NULL;"
        elif self.operation == "DELETE":
            yield "            RETURN OLD;"
        else:
            if "DELETE" in self.operation:
                yield "            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;"
            yield "            RETURN NEW;"
        yield "        END IF;"
        yield "    END IF;"


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
        return f"{_drop_trigger(self.pgid, target)}\n{naming.as_text(drop_function)}"


class EnableTriggerSql(_TableCommand):
    """Lets the trigger fire."""

    def render(self, target: Target) -> str:
        return alter_trigger(self.pgid, target, "ENABLE TRIGGER")


class DisableTriggerSql(_TableCommand):
    """Keeps the trigger from firing, whoever writes."""

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


def alter_trigger(pgid: str, target: Target, action: str) -> str:
    """``ALTER TABLE … ENABLE|DISABLE [ALWAYS|REPLICA] TRIGGER …``."""
    return naming.as_text(
        sql.SQL("ALTER TABLE {} {} {};").format(
            target.identifier, sql.SQL(action), sql.Identifier(pgid)
        )
    )


def array_element(text: str) -> str:
    """The text as PostgreSQL writes it inside an array.

    https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    """
    if text and text.upper() != "NULL" and not any(c in '{},"\\' or c.isspace() for c in text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


# Mostly nothing is ignored, and to read one setting is all it costs to know that. Where all but a
# few are ignored, the few are named: the array of all others may be long. The search for the text
# is a cheap way to say no; the comparison is exact.
_IGNORED = sql.SQL(
    """\
    IF pg_catalog.current_setting('pgtrigger.ignore', true) <> '' THEN
        IF (
            pg_catalog.current_setting('pgtrigger.ignore_all_but', true) <> ''
            AND {key} <> ALL (pg_catalog.current_setting('pgtrigger.ignore_all_but', true)::text[])
        ) OR (
            pg_catalog.strpos(pg_catalog.current_setting('pgtrigger.ignore', true), {escaped}) > 0
            AND {key} = ANY (pg_catalog.current_setting('pgtrigger.ignore', true)::text[])
        )
        THEN"""
)


def _drop_trigger(pgid: str, target: Target) -> str:
    return naming.as_text(
        sql.SQL("DROP TRIGGER IF EXISTS {} ON {};").format(sql.Identifier(pgid), target.identifier)
    )


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:16]
