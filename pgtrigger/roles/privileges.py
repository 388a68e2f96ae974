"""The statements that give the roles of a project exactly the privileges that they need.

The owner migrates and owns all objects. The application reads and writes tables, but only reads
what triggers write. The reader reads. The application and the reader may only read a new table
until ``migrate`` or ``manage.py pgtrigger roles`` has checked it, so that a new event table is
never writable.

https://www.postgresql.org/docs/current/sql-grant.html
https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg import sql

from pgtrigger.conf import settings
from pgtrigger.database import installation
from pgtrigger.roles import objects
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgtrigger.roles.objects import GrantedRelation, Objects

READ = ("SELECT",)
WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
USE = ("SELECT", "USAGE")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The names of a project's roles."""

    app: str
    owner: str | None = None
    read_only: str | None = None

    @property
    def grantees(self) -> list[str]:
        """The roles that own nothing."""
        return [self.app, *([self.read_only] if self.read_only else [])]


def plan(roles: Roles, database: str | None = None) -> list[str]:
    """The statements that give the roles what they lack, and take what they should not have."""
    connection = connections[database or DEFAULT_DB_ALIAS]
    found = objects.read(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (%s)",
            [[name for name in (roles.app, roles.owner, roles.read_only) if name]],
        )
        existing = {name for (name,) in cursor.fetchall()}
    script = [
        *_create(roles, existing),
        *_creating_in_database(roles, found, connection),
        *_on_database(roles, existing, connection),
        *_creating_schemas(roles, existing, found, connection),
        *_on_schemas(roles, existing, found, connection),
        *_ownership(roles, found),
        *(
            statement
            for each in (*found.relations, *found.views)
            for statement in _on_relation(roles, each)
        ),
        *_on_functions(roles, found),
        *_for_new_tables(roles, existing, found, connection),
    ]
    return [f"{statement.as_string()};" for statement in script]


def apply(roles: Roles, database: str | None = None) -> list[str]:
    """Run ``plan()`` in one transaction, and return its statements."""
    alias = database or DEFAULT_DB_ALIAS
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        installation.lock(connections[alias])
        statements = plan(roles, alias)
        for statement in statements:
            cursor.execute(statement)
    return statements


def apply_after_migrate(using: str) -> None:
    """Give the roles of settings.PGTRIGGER_ROLES what new tables need.

    Roles are of the whole server: a database whose server does not have them is left alone.
    """
    configured = settings.roles
    connection = connections[using]
    if not configured or connection.vendor != "postgresql":
        return
    roles = Roles(app=configured["app"], read_only=configured.get("read_only"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname = ANY (%s)",
            [roles.grantees],
        )
        (count,) = cursor.fetchone()
    if count == len(roles.grantees):
        apply(roles, using)


def wanted(relation: GrantedRelation, role: str, roles: Roles) -> tuple[str, ...]:
    """The privileges that a role of ``grantees`` should have on a relation."""
    if relation.is_partition:
        return ()
    if relation.kind == "S":
        needs_sequence = role == roles.app and not relation.is_identity
        return USE if needs_sequence and not relation.is_written_by_triggers else ()
    if role == roles.app and relation.kind != "m" and not relation.is_written_by_triggers:
        return WRITE
    return READ


def _create(roles: Roles, existing: set[str]) -> Iterator[sql.Composable]:
    for role in (roles.owner, roles.app, roles.read_only):
        if role and role not in existing:
            yield sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role))


def _creating_in_database(
    roles: Roles, found: Objects, connection: Any
) -> Iterator[sql.Composable]:
    """Revoke CREATE on the database, if the current role may act as its owner."""
    database = found.database
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_catalog.pg_has_role(%s, 'USAGE')", [database.owner])
        (may_revoke,) = cursor.fetchone()
    for role in ("", *roles.grantees) if may_revoke else ():
        if role in database.creators and role != database.owner:
            yield sql.SQL("REVOKE CREATE ON DATABASE {} FROM {}").format(
                database.identifier, sql.Identifier(role) if role else sql.SQL("PUBLIC")
            )


def _on_database(roles: Roles, existing: set[str], connection: Any) -> Iterator[sql.Composable]:
    with connection.cursor() as cursor:
        for role in roles.grantees:
            cursor.execute(
                "SELECT pg_catalog.current_database(), pg_catalog.has_database_privilege(%s, "
                "pg_catalog.current_database(), 'CONNECT')",
                [role if role in existing else "public"],
            )
            name, may_connect = cursor.fetchone()
            if not may_connect:
                yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    sql.Identifier(name), sql.Identifier(role)
                )


def _creating_schemas(
    roles: Roles, existing: set[str], found: Objects, connection: Any
) -> Iterator[sql.Composable]:
    """The owner creates the schemas of views again, when ``migrate`` has changed tables."""
    if not roles.owner or not found.views:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_catalog.current_database(), pg_catalog.has_database_privilege(%s, "
            "pg_catalog.current_database(), 'CREATE')",
            [roles.owner if roles.owner in existing else "public"],
        )
        name, may_create = cursor.fetchone()
    if not may_create:
        yield sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
            sql.Identifier(name), sql.Identifier(roles.owner)
        )


def _on_schemas(
    roles: Roles, existing: set[str], found: Objects, connection: Any
) -> Iterator[sql.Composable]:
    with connection.cursor() as cursor:

        def has(role: str, schema: str, privilege: str) -> bool:
            cursor.execute(
                "SELECT pg_catalog.has_schema_privilege(%s, %s, %s)", [role, schema, privilege]
            )
            return bool(cursor.fetchone()[0])

        for name in found.schemas:
            schema = sql.Identifier(name)
            if has("public", name, "CREATE"):
                yield sql.SQL("REVOKE CREATE ON SCHEMA {} FROM PUBLIC").format(schema)
            for role in roles.grantees:
                grantee = sql.Identifier(role)
                known = role if role in existing else "public"
                if not has(known, name, "USAGE"):
                    yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, grantee)
                if role in existing and has(role, name, "CREATE"):
                    yield sql.SQL("REVOKE CREATE ON SCHEMA {} FROM {}").format(schema, grantee)
            owner = roles.owner
            if owner and not (owner in existing and has(owner, name, "CREATE")):
                yield sql.SQL("GRANT USAGE, CREATE ON SCHEMA {} TO {}").format(
                    schema, sql.Identifier(owner)
                )


def _ownership(roles: Roles, found: Objects) -> Iterator[sql.Composable]:
    """Give everything to the owner, except the database and schemas that a third role owns.

    A sequence that belongs to a column has the owner of its table.
    """
    if roles.owner is None:
        return
    owner = sql.Identifier(roles.owner)
    for container in found.containers:
        # The owner of a schema may drop it with everything in it, as `migrate` does with views.
        is_moved = container.owner in roles.grantees or container.name in found.schemas_of_views
        if is_moved and container.owner != roles.owner:
            yield sql.SQL("ALTER {} {} OWNER TO {}").format(
                sql.SQL(container.kind), container.identifier, owner
            )
    for relation in (*found.relations, *found.views):
        if relation.owner != roles.owner and not (relation.kind == "S" and relation.parent):
            yield sql.SQL("ALTER {} {} OWNER TO {}").format(
                _KINDS[relation.kind], relation.identifier, owner
            )
    for each in found.owned:
        if each.owner != roles.owner:
            yield sql.SQL("ALTER {} {} OWNER TO {}").format(
                sql.SQL(each.kind), each.identifier, owner
            )


def _on_relation(roles: Roles, relation: GrantedRelation) -> Iterator[sql.Composable]:
    word = sql.SQL("SEQUENCE ") if relation.kind == "S" else sql.SQL("")
    subjects = [("", sql.SQL("PUBLIC"), ())] + [
        (role, sql.Identifier(role), wanted(relation, role, roles)) for role in roles.grantees
    ]
    for role, grantee, wants in subjects:
        has = {privilege for holder, privilege in relation.grants if holder == role}
        if role in relation.column_grants:
            yield sql.SQL("REVOKE ALL ON {}{} FROM {}").format(word, relation.identifier, grantee)
            has = set()
        surplus, missing = has - set(wants), [each for each in wants if each not in has]
        if surplus:
            yield sql.SQL("REVOKE {} ON {}{} FROM {}").format(
                _listed(sorted(surplus)), word, relation.identifier, grantee
            )
        if missing:
            yield sql.SQL("GRANT {} ON {}{} TO {}").format(
                _listed(missing), word, relation.identifier, grantee
            )


def _on_functions(roles: Roles, found: Objects) -> Iterator[sql.Composable]:
    for function in found.functions:
        for role in ("", *roles.grantees):
            if function.is_definer and role in function.executors:
                yield sql.SQL("REVOKE EXECUTE ON FUNCTION {}() FROM {}").format(
                    function.identifier, sql.Identifier(role) if role else sql.SQL("PUBLIC")
                )


def _for_new_tables(
    roles: Roles, existing: set[str], found: Objects, connection: Any
) -> Iterator[sql.Composable]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user::pg_catalog.text")
        owner = roles.owner or cursor.fetchone()[0]
        for schema in found.schemas:
            for role in roles.grantees:
                parameters = {"owner": owner, "schema": schema, "role": role}
                cursor.execute(query(__package__, "default_select"), parameters)
                (is_granted,) = cursor.fetchone()
                if not is_granted:
                    yield sql.SQL(
                        "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} "
                        "GRANT SELECT ON TABLES TO {}"
                    ).format(*map(sql.Identifier, (owner, schema, role)))


def _listed(privileges: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.SQL, privileges))


_KINDS = {
    "r": sql.SQL("TABLE"),
    "p": sql.SQL("TABLE"),
    "v": sql.SQL("VIEW"),
    "m": sql.SQL("MATERIALIZED VIEW"),
    "f": sql.SQL("FOREIGN TABLE"),
    "S": sql.SQL("SEQUENCE"),
}
