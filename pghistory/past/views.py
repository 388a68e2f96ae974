"""The schema of views that stand for the tables at a point in time.

Note [Views of the past]. ``pghistory_past`` has a view for each tracked table, with the same name
and columns, over its events; ``pghistory_past_untracked`` has a view that raises an error for each
other table. ``as_of()`` puts both schemas before the usual search_path and sets the time, for the
transaction.

- The views use NOT EXISTS (a later event), so that look-ups by key, joins and reverse accessors use
  the index, and cost the same in a table of any size.
- The second FROM item makes them read-only; the planner removes it.
- The columns have the exact types of the tables, so that prepared statements stay valid.
- The tables of schemas other than ``public`` have separate views.
- ``is_known()`` is evaluated once per query, and raises for a time before complete tracking. It is
  SECURITY DEFINER: a role may be able to read a table and not the records of maintenance.

``migrate`` creates the views again. While it runs they raise an error, so that nothing reads the
present rows instead.

https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, router, transaction
from psycopg import sql

from pghistory.past import inheriting
from pghistory.reading import diffs, history, labels
from pghistory.tracking import event_models
from pghistory.vocabulary import inheritance
from pghistory.writing import event_trigger

if TYPE_CHECKING:
    from collections.abc import Iterable

PAST = "pghistory_past"
TIME = "pghistory.as_of"

_TIME = sql.SQL("pg_catalog.current_setting({}, true)::pg_catalog.timestamptz").format(
    sql.Literal(TIME)
)

# https://www.postgresql.org/docs/current/catalog-pg-attribute.html
_COLUMNS = """
    SELECT c.relname::text, n.nspname::text, a.attname::text,
        pg_catalog.format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation <> t.typcollation
            THEN pg_catalog.format('%I.%I', cn.nspname, co.collname) END
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(c.oid)
        AND n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast}')
        AND c.relpersistence <> 't'
    ORDER BY n.nspname, c.relname, a.attnum
"""

# https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-ACLITEM-FN-TABLE
_READERS = """
    SELECT n.nspname::text, c.relname::text, r.rolname::text
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) AS acl
    LEFT JOIN pg_catalog.pg_roles r ON r.oid = acl.grantee
    WHERE acl.privilege_type = 'SELECT' AND pg_catalog.pg_table_is_visible(c.oid)
        AND n.nspname <> ALL ('{pg_catalog,information_schema,pg_toast}')
    ORDER BY 1, 2, 3
"""

_FUNCTIONS = """
CREATE FUNCTION {past}.is_known(event_table text) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $pghistory$
DECLARE
    wanted timestamptz := current_setting({time}, true)::timestamptz;
    earliest timestamptz;
    unfinished boolean;
BEGIN
    SELECT max(complete_from), bool_or(finished_at IS NULL AND action IN ('track', 'backfill'))
    INTO earliest, unfinished
    FROM {maintenance} AS m WHERE m.event_table = is_known.event_table;
    IF unfinished THEN
        RAISE EXCEPTION 'The history of % is not complete: it has rows without events.', event_table
            USING ERRCODE = 'PGH01', HINT = 'Run manage.py pghistory backfill.';
    ELSIF wanted < earliest THEN
        RAISE EXCEPTION 'The history of % is complete from % on, and % was asked for.',
            event_table, earliest, wanted USING ERRCODE = 'PGH01';
    END IF;
    RETURN wanted IS NOT NULL;
END
$pghistory$;
CREATE FUNCTION {past}.refuse(reason text) RETURNS SETOF boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $pghistory$
BEGIN
    RAISE EXCEPTION '%', reason USING ERRCODE = 'PGH02';
END
$pghistory$;
"""

Columns = list[tuple[str, str, str | None]]


@dataclass(frozen=True)
class Schemas:
    """The schemas of views for the tables of one schema."""

    past: str
    untracked: str

    @classmethod
    def of(cls, schema: str) -> Schemas:
        name = (
            PAST if schema == "public" else event_trigger.with_digest(f"{PAST}_{schema}", of=schema)
        )
        return cls(name, f"{name}_untracked")

    @classmethod
    def here(cls, cursor: Any) -> Schemas:
        """Return the schemas of views for the first schema of the search_path."""
        cursor.execute("SELECT pg_catalog.current_schema()::text")
        return cls.of(cursor.fetchone()[0])


def install(using: str) -> None:
    """Create the views again if tables or declarations have changed."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _is_here(using):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        schemas = Schemas.here(cursor)
        statements = _statements(_tables(cursor), _readers(cursor), schemas, using)
        text = "\n".join(each.as_string() for each in statements)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if _installed(cursor, schemas) == digest:
            return
        cursor.execute(sql.SQL(text))
        comment = sql.SQL("COMMENT ON SCHEMA {} IS {}")
        cursor.execute(comment.format(sql.Identifier(schemas.past), sql.Literal(digest)))


def set_aside(using: str) -> None:
    """Let the views raise until ``install()``: migrations may change the tables."""
    connection = connections[using]
    if connection.vendor != "postgresql" or not _is_here(using):
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        schemas = Schemas.here(cursor)
        if _installed(cursor, schemas) is None:
            return
        cursor.execute(
            "SELECT viewname FROM pg_catalog.pg_views WHERE schemaname = %s ORDER BY 1",
            [schemas.past],
        )
        for (name,) in cursor.fetchall():
            view = sql.Identifier(schemas.past, name)
            reason = "The views of the past are not there while migrations run."
            cursor.execute(sql.SQL("DROP VIEW {} CASCADE").format(view))
            cursor.execute(_raising(view, [("migrating", "boolean", None)], reason, schemas))
        comment = sql.SQL("COMMENT ON SCHEMA {} IS NULL")
        cursor.execute(comment.format(sql.Identifier(schemas.past)))


def remove(using: str) -> None:
    """Drop the schemas of views, when the app is migrated to a state before them."""
    with connections[using].cursor() as cursor:
        schemas = Schemas.here(cursor)
        cursor.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {}, {} CASCADE").format(
                sql.Identifier(schemas.past), sql.Identifier(schemas.untracked)
            )
        )


def schemas(connection: Any) -> list[str]:
    """The schemas of views in a database, for the privileges of its roles."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname::text FROM pg_catalog.pg_namespace WHERE pg_catalog.starts_with("
            "nspname::text, %s) ORDER BY 1",
            [PAST],
        )
        return [name for (name,) in cursor.fetchall()]


def is_installed(using: str) -> bool:
    with connections[using].cursor() as cursor:
        return _installed(cursor, Schemas.here(cursor)) is not None


def _is_here(using: str) -> bool:
    return bool(router.allow_migrate_model(using, apps.get_model("pghistory.Maintenance")))


def _installed(cursor: Any, schemas: Schemas) -> str | None:
    """The digest of the installed views, None if there are none or they are set aside."""
    cursor.execute(
        "SELECT pg_catalog.obj_description(n.oid, 'pg_namespace')"
        " FROM pg_catalog.pg_namespace n WHERE n.nspname = %s",
        [schemas.past],
    )
    found = cursor.fetchone()
    return found[0] if found else None


def _tables(cursor: Any) -> dict[tuple[str, str], Columns]:
    """The columns of each table, but for the partitions of event tables."""
    found: dict[tuple[str, str], Columns] = {}
    cursor.execute(_COLUMNS)
    for table, schema, *column in cursor.fetchall():
        found.setdefault((schema, table), []).append(tuple(column))
    cursor.execute(
        "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_catalog.pg_class r ON r.oid = pg_catalog.pg_partition_root(c.oid) "
        "WHERE c.relispartition AND c.relkind = 'r' AND r.relname = ANY (%s)",
        [[each._meta.db_table for each in event_models.all_event_models()]],
    )
    for partition in cursor.fetchall():
        found.pop(partition, None)
    return found


def _readers(cursor: Any) -> dict[tuple[str, str], list[sql.Composable]]:
    """The roles that may read each table, to whom its view is granted."""
    found: dict[tuple[str, str], list[sql.Composable]] = {}
    cursor.execute(_READERS)
    for schema, table, role in cursor.fetchall():
        name = sql.Identifier(role) if role else sql.SQL("PUBLIC")
        found.setdefault((schema, table), []).append(name)
    return found


def _statements(
    tables: dict[tuple[str, str], Columns],
    readers: dict[tuple[str, str], list[sql.Composable]],
    own_schemas: Schemas,
    using: str,
) -> Iterable[sql.Composable]:
    schemas = {table: schema for schema, table in tables}
    own = {"pghistory_context", "pghistory_maintenance", "django_migrations"}
    own |= {each._meta.db_table for each in event_models.all_event_models()}
    told = {
        table: (event_model, tracked)
        for table, event_model, tracked in _told(using)
        if table in schemas and event_model._meta.db_table in schemas
    }
    past, untracked = sql.Identifier(own_schemas.past), sql.Identifier(own_schemas.untracked)
    yield sql.SQL("DROP SCHEMA IF EXISTS {}, {} CASCADE;").format(past, untracked)
    yield sql.SQL("CREATE SCHEMA {}; CREATE SCHEMA {};").format(past, untracked)
    yield sql.SQL("GRANT USAGE ON SCHEMA {}, {} TO PUBLIC;").format(past, untracked)
    yield sql.SQL(_FUNCTIONS).format(
        past=past,
        time=sql.Literal(TIME),
        maintenance=sql.Identifier(schemas["pghistory_maintenance"], "pghistory_maintenance"),
    )
    for (schema, table), columns in tables.items():
        if table in told:
            event_model, tracked = told[table]
            events = sql.Identifier(schemas[event_model._meta.db_table], event_model._meta.db_table)
            view: sql.Composable = sql.Identifier(own_schemas.past, table)
            yield _view(view, columns, event_model, tracked, events, past)
        elif table not in own:
            view = sql.Identifier(own_schemas.untracked, table)
            reason = (
                f"{table} is not tracked, or its events do not say what it was. "
                'Read it as it is now with as_of(time, untracked="today").'
            )
            yield _raising(view, columns, reason, own_schemas)
        else:
            continue
        for role in readers.get((schema, table), ()):
            yield sql.SQL("GRANT SELECT ON {} TO {};").format(view, role)
    for place, view, columns, event_model, parent in _of_parents(told, tables, own_schemas):
        table = event_model._meta.db_table
        events = sql.Identifier(schemas[table], table)
        yield _view(view, columns, event_model, parent, events, past)
        for role in readers.get(place, ()):
            yield sql.SQL("GRANT SELECT ON {} TO {};").format(view, role)


def _of_parents(
    told: dict[str, tuple[Any, Any]],
    tables: dict[tuple[str, str], Columns],
    own_schemas: Schemas,
) -> Iterable[tuple[tuple[str, str], sql.Composable, Columns, Any, Any]]:
    """The views of parents' rows: each with its table, columns, event model and parent."""
    by_table = {table: (schema, columns) for (schema, table), columns in tables.items()}
    for event_model, child in told.values():
        for parent in inheritance.tables(child)[1:]:
            table = parent._meta.db_table
            if table in by_table and table not in told:
                schema, columns = by_table[table]
                view = sql.Identifier(own_schemas.past, inheriting.view_name(child, parent))
                yield (schema, table), view, columns, event_model, parent


def _told(using: str) -> Iterable[tuple[str, Any, Any]]:
    """Each table whose events say what its rows were, with the event model."""
    for event_model in event_models.all_event_models():
        tracked = event_model.pgh_tracked_model
        try:
            witness = history.witness(tracked)
        except ValueError:
            continue
        if witness.event_model is event_model and router.allow_migrate_model(using, event_model):
            own = inheritance.concrete(tracked)
            yield own._meta.db_table, event_model, own


def _view(
    view: sql.Composable,
    columns: Columns,
    event_model: Any,
    own: Any,
    events: sql.Composable,
    past: sql.Composable,
) -> sql.Composable:
    witness = history.witness(event_model.pgh_tracked_model)
    held = {field.name: field.column for field in diffs.tracked_columns(event_model)}
    values: dict[str, str] = {
        str(field.column): str(held[field.name])
        for field in own._meta.local_concrete_fields
        if field.name in held
    }
    # The index of events is on pgh_obj if they have it, not on the copy of the key.
    obj = labels.identity(event_model)
    values |= {str(far.column): str(near.column) for near, far in obj if far.column in values}
    child = inheritance.concrete(event_model.pgh_tracked_model)
    if own is not child:
        # Events may be older than the columns of parents, and the child's link has the same value.
        link: Any = child._meta.get_ancestor_link(own)
        same_key = obj[0][0].column if link.primary_key else held[link.name]
        values[str(own._meta.pk.column)] = str(same_key)
    same = sql.SQL(" AND ").join(
        sql.SQL("later.{0} = e.{0}").format(sql.Identifier(near.column)) for near, _ in obj
    )
    told = sql.Literal([*witness.stayed, *witness.gone])
    return sql.SQL(
        "CREATE VIEW {view} AS SELECT {columns} FROM {events} AS e, (VALUES (1)) AS read_only "
        "WHERE (SELECT {past}.is_known({table})) AND e.pgh_created_at <= {time} "
        "AND e.pgh_label = ANY ({stayed}) AND NOT EXISTS (SELECT FROM {events} AS later "
        "WHERE {same} AND later.pgh_id > e.pgh_id AND later.pgh_created_at <= {time} "
        "AND later.pgh_label = ANY ({labels}));"
    ).format(
        view=view,
        columns=sql.SQL(", ").join([_column(*column, values) for column in columns]),
        events=events,
        past=past,
        table=sql.Literal(event_model._meta.db_table),
        time=_TIME,
        stayed=sql.Literal(witness.stayed),
        same=same,
        labels=told,
    )


def _column(name: str, type_: str, collation: str | None, values: dict[str, str]) -> sql.Composable:
    value: sql.Composable = sql.SQL("NULL")
    if name in values:
        value = sql.SQL("e.{}").format(sql.Identifier(values[name]))
    collate = sql.SQL(f" COLLATE {collation}" if collation else "")
    return sql.SQL("CAST({} AS {}){} AS {}").format(
        value, sql.SQL(type_), collate, sql.Identifier(name)
    )


def _raising(
    view: sql.Composable, columns: Columns, reason: str, schemas: Schemas
) -> sql.Composable:
    nulls = sql.SQL(", ").join(_column(*column, {}) for column in columns)
    return sql.SQL("CREATE VIEW {} AS SELECT {} FROM {}.refuse({});").format(
        view, nulls, sql.Identifier(schemas.past), sql.Literal(reason)
    )
