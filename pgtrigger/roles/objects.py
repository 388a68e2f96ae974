"""The tables, sequences and functions of a project, with their owners and privileges.

https://www.postgresql.org/docs/current/ddl-priv.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import router
from psycopg import sql

from pgtrigger import naming
from pgtrigger.database import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model

# Each returns models whose rows only triggers write; see `write_only_by_triggers`.
_written_by_triggers: list[Callable[[], Iterable[type[Model]]]] = []


def write_only_by_triggers(models: Callable[[], Iterable[type[Model]]]) -> None:
    """Register models whose rows only triggers write: the application may only read them."""
    _written_by_triggers.append(models)


@dataclass(frozen=True)
class Relation:
    """A table, view or sequence. ``grants`` are (grantee, privilege); "" is PUBLIC."""

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
    """A trigger function. ``path`` is its own search_path, None if it has that of the caller."""

    schema: str
    name: str
    owner: str
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
class Objects:
    """All objects in the schemas of the project's tables."""

    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]

    @property
    def tables(self) -> list[Relation]:
        """Tables and views that a statement can name; a partition is written through its table."""
        return [each for each in self.relations if each.kind != "S" and not each.is_partition]

    @property
    def schemas(self) -> list[str]:
        return sorted({each.schema for each in self.relations})


def read(connection: Any) -> Objects:
    """The objects in the schemas in which the tables of installed apps are."""
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
    with connection.cursor() as cursor:
        cursor.execute(_RELATIONS, {"schemas": schemas})
        relations = tuple(
            Relation(
                **dict(zip(_NAMES, described, strict=True)),
                columns=tuple(columns),
                grants=frozenset(map(tuple, grants)),
                column_grants=frozenset(column_grants),
                is_written_by_triggers=(described[0], decisive) in protected,
            )
            for *described, columns, grants, column_grants, decisive in cursor.fetchall()
        )
        cursor.execute(_FUNCTIONS, {"schemas": schemas, "prefix": naming.PREFIX})
        functions = tuple(
            Function(schema, name, owner, is_definer, _path(path), frozenset(executors))
            for schema, name, owner, is_definer, path, executors in cursor.fetchall()
        )
    return Objects(relations, functions)


def _path(setting: str | None) -> tuple[str, ...] | None:
    """The schemas of a setting such as ``pg_catalog, "Odd", pg_temp``."""
    if setting is None:
        return None
    return tuple(part.strip().strip('"').replace('""', '"') for part in setting.split(","))


_NAMES = ("schema", "name", "kind", "owner", "parent", "is_partition", "is_identity")

# The name of the table that a sequence belongs to, or the root of a partition, decides.
_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind::pg_catalog.text,
        pg_catalog.pg_get_userbyid(c.relowner), owning.relname, c.relispartition,
        COALESCE(d.deptype = 'i', false),
        ARRAY (
            SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attgenerated = '' AND a.attidentity <> 'a'
            ORDER BY a.attnum
        ),
        ARRAY (
            SELECT ARRAY[COALESCE(r.rolname::pg_catalog.text, ''), g.privilege_type]
            FROM pg_catalog.aclexplode(c.relacl) g
            LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
        ),
        ARRAY (
            SELECT COALESCE(r.rolname::pg_catalog.text, '')
            FROM pg_catalog.pg_attribute a, pg_catalog.aclexplode(a.attacl) g
            LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
            WHERE a.attrelid = c.oid
        ),
        COALESCE(root.relname, owning.relname, c.relname)
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_depend d
        ON c.relkind = 'S' AND d.objid = c.oid AND d.deptype IN ('a', 'i')
        AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
    LEFT JOIN pg_catalog.pg_class owning ON owning.oid = d.refobjid
    LEFT JOIN pg_catalog.pg_class root
        ON c.relispartition AND root.oid = pg_catalog.pg_partition_root(c.oid)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname = ANY (%(schemas)s)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e
            WHERE e.objid = c.oid AND e.deptype = 'e'
                AND e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
        )
    ORDER BY 1, 2
"""

_FUNCTIONS = """
    SELECT n.nspname, p.proname, pg_catalog.pg_get_userbyid(p.proowner), p.prosecdef,
        (
            SELECT pg_catalog.substr(s, 13) FROM pg_catalog.unnest(p.proconfig) s
            WHERE pg_catalog.starts_with(s, 'search_path=')
        ),
        ARRAY (
            SELECT COALESCE(r.rolname::pg_catalog.text, '')
            FROM pg_catalog.aclexplode(
                COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))
            ) g
            LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
            WHERE g.grantee <> p.proowner
        )
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE p.prorettype = 'pg_catalog.trigger'::pg_catalog.regtype
        AND n.nspname = ANY (%(schemas)s)
        AND (p.prosecdef OR pg_catalog.starts_with(p.proname::pg_catalog.text, %(prefix)s))
    ORDER BY 1, 2
"""
