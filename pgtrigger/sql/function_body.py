"""The text of a function, whose tables get their schemas when it is installed.

Note [Names in functions]. PostgreSQL looks up the names in a function when it runs, in the caller's
search_path, and types and tables in pg_temp before all others. So any role could replace the
intended object by another. Every type, function and operator in generated SQL is therefore
qualified: ``pg_catalog.text``, ``OPERATOR(pg_catalog.=)``. IN, CASE x WHEN, NULLIF, JOIN USING and
IS DISTINCT FROM cannot be qualified: a function that contains them, or SQL that Django compiled,
has a search_path (``SET search_path``), which names pg_temp last. A function that writes a user's
table must not have one, because the triggers of that table would inherit it: it sets the path for
the statements that need one, and restores the caller's.

https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import sql

from pgtrigger import naming

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


@dataclass(frozen=True)
class Relation:
    """A table in a function's body, which gets its schema when the function is installed.

    Without a schema, the function would read the first table that ``search_path`` finds.
    """

    table: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Relation", [self.table], {}


@dataclass(frozen=True)
class SchemaOf:
    """The schema of a type, which is looked up when the function is installed."""

    type: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.SchemaOf", [self.type], {}


@dataclass(frozen=True)
class InstallersPath:
    """The schemas of the search_path with which the function is installed."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.InstallersPath", [], {}


@dataclass(frozen=True)
class Operator:
    """An operator of a type that is not PostgreSQL's own, in the schema of that type."""

    symbol: str
    type: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.Operator", [self.symbol, self.type], {}


# Where names are looked up: a schema, or something that stands for one or more.
Place: TypeAlias = str | SchemaOf | InstallersPath


@dataclass(frozen=True)
class SearchPath:
    """A search_path as a literal, for ``set_config()``."""

    places: tuple[Place, ...]

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.SearchPath", [self.places], {}


@dataclass(frozen=True)
class TextSearch:
    """The name of a text search configuration as a literal, which gets its schema as tables do.

    https://www.postgresql.org/docs/current/textsearch-configuration.html
    """

    name: str

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return "pgtrigger.compiler.TextSearch", [self.name], {}


Part: TypeAlias = "str | Relation | Operator | SearchPath | TextSearch | Quoted"


@dataclass(frozen=True, init=False)
class Body:
    """The statements of a function, in which tables do not have their schemas yet."""

    parts: tuple[Part, ...]

    def __init__(self, *parts: Part | sql.Composable | Body):
        object.__setattr__(self, "parts", tuple(_merge(parts)))

    def render(self, target: Target) -> str:
        """The text, each table and operator in the schema that ``target`` has for it."""
        return "".join(_render_part(part, target) for part in self.parts)

    def tables(self) -> set[str]:
        """The tables that need a schema."""
        return {part.table for part in self._all_parts() if isinstance(part, Relation)}

    def types(self) -> set[str]:
        """The types that need a schema."""
        parts = [*self._all_parts()]
        places = [place for part in parts if isinstance(part, SearchPath) for place in part.places]
        return {each.type for each in (*parts, *places) if isinstance(each, Operator | SchemaOf)}

    def configurations(self) -> set[str]:
        """Return the text search configurations that need a schema."""
        return {part.name for part in self._all_parts() if isinstance(part, TextSearch)}

    def reads_installers_path(self) -> bool:
        """Return whether the installer's search_path must be known."""
        return any(
            isinstance(part, SearchPath) and InstallersPath() in part.places
            for part in self._all_parts()
        )

    def _all_parts(self) -> Iterator[Part]:
        for part in self.parts:
            yield part
            if isinstance(part, Quoted):
                yield from part.body._all_parts()

    def __str__(self) -> str:
        return self.render(Target(""))

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
    """The target of an installation: a table by its current name, and the schemas of all names.

    ``schemas`` are those of tables, ``types`` those of types, ``path`` the installer's search_path.
    ``configurations`` are the whole names of text search configurations.
    """

    table: str
    schemas: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[str] = ()
    configurations: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> str | None:
        return naming.split_table(self.table)[0] or self.schemas.get(self.table)

    @property
    def identifier(self) -> sql.Identifier:
        return naming.table_identifier(self.table, self.schema)

    def search_path(self, places: Iterable[Place]) -> list[str]:
        """The schemas that ``places`` stand for."""
        found: list[str] = []
        for place in places:
            if isinstance(place, InstallersPath):
                found += self.path
            elif isinstance(place, SchemaOf):
                found += [self.types[place.type]] if place.type in self.types else []
            else:
                found.append(place)
        return list(dict.fromkeys(found))

    def function(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.schema, name) if self.schema else sql.Identifier(name)


def within_path(places: Iterable[Place], *statements: Part | sql.Composable | Body) -> Body:
    """Statements that run with this search_path, in a function that has the caller's.

    The function needs the variable ``PATH_VARIABLE``. Afterwards FOUND is that of the statements,
    because an assignment does not change it. See Note [Names in functions].
    """
    return Body(
        "pgtrigger_path := pg_catalog.current_setting('search_path');\n",
        "PERFORM pg_catalog.set_config('search_path', ",
        SearchPath(tuple(places)),
        ", true);\n",
        *statements,
        "pgtrigger_path := pg_catalog.set_config('search_path', pgtrigger_path, true);\n",
    )


PATH_VARIABLE = ("pgtrigger_path", "pg_catalog.text")


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
    parts: tuple[Part | sql.Composable | Body, ...],
) -> Iterator[Part]:
    text = ""
    for part in parts:
        for piece in part.parts if isinstance(part, Body) else (part,):
            if isinstance(piece, sql.Composable):
                text += piece.as_string()
            elif isinstance(piece, str):
                text += piece
            else:
                if text:
                    yield text
                text = ""
                yield piece
    if text:
        yield text


def _render_part(part: Part, target: Target) -> str:
    if isinstance(part, Relation):
        return naming.table_identifier(part.table, target.schemas.get(part.table)).as_string()
    if isinstance(part, Operator):
        schema = target.types.get(part.type)
        qualified = sql.SQL("OPERATOR({}.{})").format(
            sql.Identifier(schema or "public"), sql.SQL(part.symbol)
        )
        return qualified.as_string()
    if isinstance(part, TextSearch):
        return sql.Literal(target.configurations.get(part.name, part.name)).as_string()
    if isinstance(part, SearchPath):
        path = ", ".join(map(_in_path, target.search_path(part.places)))
        return sql.Literal(path).as_string()
    if isinstance(part, Quoted):
        return sql.Literal(part.body.render(target)).as_string()
    return part


def _in_path(schema: str) -> str:
    """The schema as search_path names it: quoted if it must be."""
    plain = re.fullmatch("[a-z_][a-z0-9_]*", schema)
    return schema if plain else sql.Identifier(schema).as_string()
