"""The tables, sequences and functions of a project, with their owners and privileges.

https://www.postgresql.org/docs/current/ddl-priv.html
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import router
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model

# Each returns models whose rows are written by triggers only; see `write_only_by_triggers`.
_written_by_triggers: list[Callable[[], Iterable[type[Model]]]] = []


def write_only_by_triggers(models: Callable[[], Iterable[type[Model]]]) -> None:
    """Register a function that returns models whose rows are written by triggers only.

    The application may only read these rows.
    """
    _written_by_triggers.append(models)


# Each returns schemas of views over the project's tables; see `read_only`.
_read_only: list[Callable[[Any], Iterable[str]]] = []


def read_only(schemas: Callable[[Any], Iterable[str]]) -> None:
    """Register a function that takes a connection and returns schemas of read-only views."""
    _read_only.append(schemas)


@dataclass(frozen=True)
class GrantedRelation:
    """A table, view or sequence. ``grants`` are (grantee, privilege); the grantee "" is PUBLIC."""

    schema: str
    name: str
    kind: str
    owner: str
    parent: str | None
    is_partition: bool
    is_identity: bool
    columns: tuple[str, ...]
    grants: frozenset[tuple[str, str]]
    column_grants: frozenset[str]
    is_written_by_triggers: bool

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Function:
    """A trigger function. ``path`` is its search_path, or None if it runs with the caller's."""

    schema: str
    name: str
    is_definer: bool
    path: tuple[str, ...] | None
    executors: frozenset[str]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}()"


@dataclass(frozen=True)
class Container:
    """The database, or a schema. ``creators`` are the roles with CREATE on it; "" is PUBLIC.

    The owner of a schema may drop every table and function in it, and the owner of the database is
    a member of pg_database_owner, which owns the schema public.
    """

    kind: str
    name: str
    owner: str
    creators: frozenset[str]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def label(self) -> str:
        return f"{self.kind.lower()} {self.name}"


@dataclass(frozen=True)
class Owned:
    """A function, a procedure or a type.

    ``name`` is SQL: the quoted schema and name, and a function's arguments in parentheses. The
    owner can redefine the object, and so change the effect of a rule or a column that uses it.
    """

    kind: str
    name: str
    owner: str

    @property
    def identifier(self) -> sql.Composable:
        return sql.SQL(self.name)

    @property
    def label(self) -> str:
        return self.name


@dataclass(frozen=True)
class Objects:
    """All objects in the schemas of the project's tables, and the views over these tables.

    ``functions`` are the trigger functions that pgtrigger installed or that are SECURITY DEFINER.
    ``owned`` are all functions, procedures and types, including the trigger functions. ``views``
    are in separate schemas: see ``read_only()``. ``containers`` are the database and all these
    schemas.
    """

    relations: tuple[GrantedRelation, ...]
    functions: tuple[Function, ...]
    views: tuple[GrantedRelation, ...] = ()
    containers: tuple[Container, ...] = ()
    owned: tuple[Owned, ...] = ()

    @property
    def tables(self) -> list[GrantedRelation]:
        """The tables and views of ``relations``.

        Partitions are left out: they are written through their parent.
        """
        return [each for each in self.relations if each.kind != "S" and not each.is_partition]

    @property
    def database(self) -> Container:
        return next(each for each in self.containers if each.kind == "DATABASE")

    @property
    def owners(self) -> list[str]:
        """The roles that own the database, a schema, or something in it."""
        everything: tuple[GrantedRelation | Container | Owned, ...] = (
            *self.relations,
            *self.views,
            *self.containers,
            *self.owned,
        )
        return sorted({each.owner for each in everything})

    @property
    def schemas(self) -> list[str]:
        return sorted({each.schema for each in self.relations})

    @property
    def schemas_of_views(self) -> list[str]:
        return sorted({each.schema for each in self.views})


def read(connection: Any) -> Objects:
    """Read the objects in all schemas that contain a table of an installed app."""
    alias = connection.alias
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if router.allow_migrate_model(alias, model) and not model._meta.proxy
    ]
    tables = catalog.tables(
        connection, {"django_migrations", *(m._meta.db_table for m in models if m._meta.managed)}
    )
    protected = {
        (tables[name].schema, naming.split_table(name)[1])
        for name in (
            "django_migrations",
            *(m._meta.db_table for models_of in _written_by_triggers for m in models_of()),
        )
        if name in tables
    }
    schemas = sorted({found.schema for found in tables.values()})
    relations = _relations(connection, schemas, protected)
    read_only = [schema for schemas_of in _read_only for schema in schemas_of(connection)]
    views = tuple(
        dataclasses.replace(each, is_written_by_triggers=True)
        for each in _relations(connection, read_only, set())
    )
    with connection.cursor() as cursor:
        parameters = {"schemas": schemas, "prefix": naming.PREFIX}
        cursor.execute(query(__package__, "functions"), parameters)
        functions = tuple(
            Function(schema, name, is_definer, _path(path), frozenset(executors))
            for schema, name, is_definer, path, executors in cursor.fetchall()
        )
        parameters = {"schemas": [*schemas, *read_only]}
        cursor.execute(query(__package__, "containers"), parameters)
        containers = tuple(
            Container(kind, name, owner, frozenset(creators))
            for kind, name, owner, creators in cursor.fetchall()
        )
        cursor.execute(query(__package__, "owned"), parameters)
        owned = tuple(Owned(*row) for row in cursor.fetchall())
    return Objects(relations, functions, views, containers, owned)


def _relations(
    connection: Any, schemas: list[str], protected: set[tuple[str, str]]
) -> tuple[GrantedRelation, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query(__package__, "relations"), {"schemas": schemas})
        return tuple(
            GrantedRelation(
                **dict(zip(_NAMES, described, strict=True)),
                columns=tuple(columns),
                grants=frozenset(map(tuple, grants)),
                column_grants=frozenset(column_grants),
                is_written_by_triggers=(
                    (described[0], decisive) in protected or decisive.startswith(naming.REPORTS)
                ),
            )
            for *described, columns, grants, column_grants, decisive in cursor.fetchall()
        )


def _path(setting: str | None) -> tuple[str, ...] | None:
    """The schemas of a setting such as ``pg_catalog, "Odd", pg_temp``."""
    if setting is None:
        return None
    return tuple(part.strip().strip('"').replace('""', '"') for part in setting.split(","))


_NAMES = ("schema", "name", "kind", "owner", "parent", "is_partition", "is_identity")
