"""The text of a function, with the tables in it still without schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Relation:
    """A table in a function's body, which gets its schema when the function is installed.

    A function that names tables without schema would read whatever ``search_path`` finds first.
    """

    table: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Relation", [self.table], {}


@dataclass(frozen=True, init=False)
class Body:
    """The statements of a function, with the tables in them still without schema."""

    parts: tuple[str | Relation | Quoted, ...]

    def __init__(self, *parts: str | sql.Composable | Relation | Quoted | Body):
        object.__setattr__(self, "parts", tuple(_merge(parts)))

    def render(self, schemas: Mapping[str, str]) -> str:
        """The text, each table in the schema that ``schemas`` has for it."""
        return "".join(_render_part(part, schemas) for part in self.parts)

    def tables(self) -> set[str]:
        """The tables that need a schema."""
        found: set[str] = set()
        for part in self.parts:
            if isinstance(part, Relation):
                found.add(part.table)
            elif isinstance(part, Quoted):
                found |= part.body.tables()
        return found

    def __str__(self) -> str:
        return self.render({})

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Body", list(self.parts), {}


@dataclass(frozen=True)
class Quoted:
    """A statement inside a body as a literal, for ``EXECUTE``."""

    body: Body

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Quoted", [self.body], {}


@dataclass(frozen=True)
class Target:
    """Where a trigger goes: a table by its name of the moment, and the schemas of all tables."""

    table: str
    schemas: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> str | None:
        return naming.split_table(self.table)[0] or self.schemas.get(self.table)

    @property
    def identifier(self) -> sql.Identifier:
        return naming.table_identifier(self.table, self.schema)

    def function(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.schema, name) if self.schema else sql.Identifier(name)


def dollar_quote(text: str) -> str:
    """The text between two tags that do not occur in it.

    https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING
    """
    tag, number = "$pgtrigger$", 1
    while tag[:-1] in text:
        number += 1
        tag = f"$pgtrigger{number}$"
    return f"{tag}\n{text}\n{tag}"


def _merge(
    parts: tuple[str | sql.Composable | Relation | Quoted | Body, ...],
) -> Iterator[str | Relation | Quoted]:
    text = ""
    for part in parts:
        for piece in part.parts if isinstance(part, Body) else (part,):
            if isinstance(piece, sql.Composable):
                text += naming.as_text(piece)
            elif isinstance(piece, str):
                text += piece
            else:
                if text:
                    yield text
                text = ""
                yield piece
    if text:
        yield text


def _render_part(part: str | Relation | Quoted, schemas: Mapping[str, str]) -> str:
    if isinstance(part, Relation):
        return naming.as_text(naming.table_identifier(part.table, schemas.get(part.table)))
    if isinstance(part, Quoted):
        return naming.as_text(sql.Literal(part.body.render(schemas)))
    return part
