"""The statements that create the views of the past, for the tables that a database has.

See Note [Views of the past].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, router
from psycopg import sql

from pghistory.past import inheriting
from pghistory.past.schemas import TIME
from pghistory.reading import diffs, history, labels
from pghistory.tracking import event_models
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pghistory.past.schemas import Schemas

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

# https://www.postgresql.org/docs/current/ddl-rowsecurity.html
_SECURED = """
    SELECT n.nspname::text, c.relname::text
    FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity
"""
SECURITY_INVOKER = 150000  # the first version whose views can read as the role that asks

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


class Statements:
    """The statements that create the schemas and their views."""

    def __init__(self, cursor: Any, own_schemas: Schemas, using: str):
        self.own_schemas = own_schemas
        self.tables = _tables(cursor)
        self.readers = _readers(cursor)
        cursor.execute(_SECURED)
        self.secured = set(cursor.fetchall())
        connection: Any = connections[using]
        self.has_invoker = connection.pg_version >= SECURITY_INVOKER
        self.schemas = {table: schema for schema, table in self.tables}
        self.told = {
            table: (event_model, tracked)
            for table, event_model, tracked in _told(using)
            if table in self.schemas and event_model._meta.db_table in self.schemas
        }

    def all(self) -> Iterable[sql.Composable]:
        """Yield all statements, in their order."""
        own = {"pghistory_context", "pghistory_maintenance", "django_migrations"}
        own |= {each._meta.db_table for each in event_models.all_event_models()}
        past = sql.Identifier(self.own_schemas.past)
        untracked = sql.Identifier(self.own_schemas.untracked)
        yield sql.SQL("DROP SCHEMA IF EXISTS {}, {} CASCADE;").format(past, untracked)
        yield sql.SQL("CREATE SCHEMA {}; CREATE SCHEMA {};").format(past, untracked)
        yield sql.SQL("GRANT USAGE ON SCHEMA {}, {} TO PUBLIC;").format(past, untracked)
        maintenance = self.schemas["pghistory_maintenance"]
        yield sql.SQL(_FUNCTIONS).format(
            past=past,
            time=sql.Literal(TIME),
            maintenance=sql.Identifier(maintenance, "pghistory_maintenance"),
        )
        for place, columns in self.tables.items():
            table = place[1]
            if table in self.told:
                yield from self._past(place, table, columns, *self.told[table])
            elif table not in own:
                view = sql.Identifier(self.own_schemas.untracked, table)
                reason = (
                    f"{table} is not tracked, or its events do not say what it was. "
                    'Read it as it is now with as_of(time, untracked="today").'
                )
                yield raising(view, columns, reason, self.own_schemas)
                yield from self._grants(place, view)
        yield from self._of_parents()

    def _past(
        self, place: tuple[str, str], name: str, columns: Columns, event_model: Any, own: Any
    ) -> Iterable[sql.Composable]:
        """The view of one table, and who may read it."""
        view = sql.Identifier(self.own_schemas.past, name)
        table = event_model._meta.db_table
        events = (self.schemas[table], table)
        is_secured = not self.secured.isdisjoint([place, events])
        if is_secured and not self.has_invoker:
            reason = f"{place[1]} has row-level security: its past needs PostgreSQL 15."
            yield raising(view, columns, reason, self.own_schemas)
        else:
            past = sql.Identifier(self.own_schemas.past)
            source = sql.Identifier(*events)
            yield _view(view, columns, event_model, own, source, past, is_secured)
        yield from self._grants(place, view)

    def _grants(self, place: tuple[str, str], view: sql.Composable) -> Iterable[sql.Composable]:
        for role in self.readers.get(place, ()):
            yield sql.SQL("GRANT SELECT ON {} TO {};").format(view, role)

    def _of_parents(self) -> Iterable[sql.Composable]:
        """The views of parents' rows."""
        by_table = {table: (schema, columns) for (schema, table), columns in self.tables.items()}
        for event_model, child in self.told.values():
            for parent in inheritance.tables(child)[1:]:
                table = parent._meta.db_table
                if table in by_table and table not in self.told:
                    schema, columns = by_table[table]
                    name = inheriting.view_name(child, parent)
                    yield from self._past((schema, table), name, columns, event_model, parent)


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
    is_secured: bool,
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
        "CREATE VIEW {view}{options} AS "
        "SELECT {columns} FROM {events} AS e, (VALUES (1)) AS read_only "
        "WHERE (SELECT {past}.is_known({table})) AND e.pgh_created_at <= {time} "
        "AND e.pgh_label = ANY ({stayed}) AND NOT EXISTS (SELECT FROM {events} AS later "
        "WHERE {same} AND later.pgh_id > e.pgh_id AND later.pgh_created_at <= {time} "
        "AND later.pgh_label = ANY ({labels}));"
    ).format(
        view=view,
        options=sql.SQL(" WITH (security_invoker)" if is_secured else ""),
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


def raising(
    view: sql.Composable, columns: Columns, reason: str, schemas: Schemas
) -> sql.Composable:
    nulls = sql.SQL(", ").join(_column(*column, {}) for column in columns)
    return sql.SQL("CREATE VIEW {} AS SELECT {} FROM {}.refuse({});").format(
        view, nulls, sql.Identifier(schemas.past), sql.Literal(reason)
    )


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
