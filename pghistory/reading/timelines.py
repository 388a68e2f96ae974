"""Events of several event tables in one list: ``Events`` and its relatives.

Note [Page first]. A page of events is selected by index, and expensive values are computed for that
page only. So the subquery in place of the table, a UNION ALL of one SELECT for each event table,
has only stored columns; ``pgh_data``, ``pgh_diff`` and ``pgh_context`` are expressions over them,
which look up the event by key. PostgreSQL evaluates an expensive expression after sorting and
LIMIT, unless a filter reads it.

To look up an event by key, PostgreSQL plans a scan of each partition of its table. So the subquery
has the whole event in a column if its table is partitioned.

https://www.postgresql.org/docs/current/queries-limit.html
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models, router
from django.db.models.expressions import Col
from psycopg import sql

from pghistory.reading import absent_columns, diffs, partition_ends, related_rows
from pghistory.reading.event_query import EventQuery, ReadOnlyQuerySet, quoted
from pghistory.tracking import event_models
from pghistory.utils import JSONField
from pghistory.vocabulary import inheritance
from pgtrigger import naming
from pgtrigger.vocabulary.columns import postgres_connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db.models import Model

    Derive = Callable[[sql.Composable, list[diffs.EventTable]], sql.Composable]


@dataclass(frozen=True)
class Chosen:
    """The events that a query selects; a part that is None selects all."""

    across: tuple[Any, ...] | None = None
    tracks: tuple[Model, ...] | None = None
    references: tuple[Model, ...] | None = None

    def where(self, event_model: Any) -> list[sql.Composable] | None:
        """Return the condition on the events of a model; None if no event of it is selected."""
        conditions = []
        if self.across is not None and event_model not in self.across:
            return None
        for objs, condition in ((self.tracks, _is_about), (self.references, _refers_to)):
            if objs is not None:
                found = condition(event_model, objs)
                if found is None:
                    return None
                conditions.append(found)
        return conditions


class TimelineQuery(EventQuery):
    """A query over the events of several event tables."""

    chosen = Chosen()

    def inside(self) -> TimelineQuery:
        inner: Any = super().inside()
        inner.chosen = self.chosen
        return inner  # type: ignore[no-any-return]

    def plain_table_sql(self, connection: Any) -> tuple[str, Any]:
        tables = self.tables(connection)
        selects = [
            _select(event_model, where, tables)
            for event_model, where in self._chosen(connection.alias)
        ]
        selects += [
            _select_related(relation, self.chosen.tracks or (), tables)
            for relation in self._relations(connection.alias)
        ]
        union = sql.SQL("\nUNION ALL\n").join(selects) if selects else _NO_EVENTS
        return union.as_string().replace("%", "%%"), ()

    def tables(self, connection: Any) -> list[diffs.EventTable]:
        """Return the event tables that the query reads."""
        found = [event_model for event_model, _ in self._chosen(connection.alias)]
        found += [relation.event_model for relation in self._relations(connection.alias)]
        found = list(dict.fromkeys(found))
        ends = partition_ends.find(found, connection)
        return [
            replace(table, end=ends.get(table.event_model)) for table in _tables(found, connection)
        ]

    def _relations(self, alias: str) -> list[related_rows.Relation]:
        """The relations whose rows are in these timelines."""
        across = self.chosen.across
        return [
            relation
            for relation in related_rows.of_objects(self.chosen.tracks or ())
            if (across is None or relation.event_model in across)
            and self.chosen.references is None
            and router.allow_migrate_model(alias, relation.event_model)
        ]

    def _chosen(self, alias: str) -> list[tuple[Any, list[sql.Composable]]]:
        found = [
            (event_model, self.chosen.where(event_model))
            for event_model in event_models.all_event_models()
            if router.allow_migrate_model(alias, event_model)
        ]
        return [(event_model, where) for event_model, where in found if where is not None]


class TimelineQuerySet(ReadOnlyQuerySet):
    """Events of several event models, to be read only."""

    read_only_reason = "{} is a view of event tables: change their own models."

    def __init__(self, model: Any = None, query: Any = None, **kwargs: Any):
        super().__init__(model, query or TimelineQuery(model), **kwargs)

    def across(self, *models: Any) -> TimelineQuerySet:
        """Events of these event models, or of all event models of these tracked models.

        Each is a class or its label.
        """
        wanted = [apps.get_model(each) if isinstance(each, str) else each for each in _flat(models)]
        found = [
            event_model
            for event_model in event_models.all_event_models()
            if event_model in wanted or event_model.pgh_tracked_model in wanted
        ]
        return self._choose(across=tuple(found))

    def tracks(self, *objs: Any) -> TimelineQuerySet:
        """Events about these objects: one, several, a list or a queryset, of one model.

        Raises:
            ValueError: The objects are of several models.
        """
        found = _flat(objs)
        labels = sorted({inheritance.concrete(type(obj))._meta.label for obj in found})
        if len(labels) > 1:
            raise ValueError(
                f"tracks() takes objects of one model: found {', '.join(labels)}. "
                "Ask for each model by itself, or use references()."
            )
        return self._choose(tracks=tuple(found))

    def references(self, *objs: Any) -> TimelineQuerySet:
        """Events with a foreign key to any of these objects, including the events about them."""
        return self._choose(references=tuple(_flat(objs)))

    def target(self, *objs: Any) -> TimelineQuerySet:
        """Call ``references()``, under its name in older releases."""
        return self.references(*objs)

    def _choose(self, **chosen: Any) -> TimelineQuerySet:
        found = self._chain()  # type: ignore[attr-defined]
        found.query.chosen = replace(found.query.chosen, **chosen)
        return found  # type: ignore[no-any-return]


class DerivedField(JSONField):
    """A JSON field of a timeline that is computed for the page. See Note [Page first]."""

    def __init__(self, *args: Any, derive: Derive | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.derive = derive

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        return DerivedCol(alias, self, output_field)


class DerivedCol(Col):
    """The expression that a derived field stands for."""

    target: Any

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        alias = sql.SQL(quoted(compiler, self.alias))
        query = compiler.query
        # A subquery may name the timeline of an outer query, and does not know its tables.
        is_own = isinstance(query, TimelineQuery) and self.alias in query.alias_map
        tables = (
            query.tables(connection)
            if is_own
            else _tables(event_models.all_event_models(), connection)
        )
        derived = self.target.derive(alias, tables)
        return derived.as_string().replace("%", "%%"), ()


def _tables(event_models: list[Any], connection: Any) -> list[diffs.EventTable]:
    absent = absent_columns.find(event_models, connection)
    return [diffs.EventTable(each, absent.get(each, ())) for each in event_models]


# The columns of the subquery, each with its type, for a query without an event table.
_COLUMNS = {
    "pgh_slug": "text",
    "pgh_model": "text",
    "pgh_table": "text",
    "pgh_id": "bigint",
    "pgh_created_at": "timestamptz",
    "pgh_label": "text",
    "pgh_obj_model": "text",
    "pgh_obj_id": "text",
    "pgh_context_id": "uuid",
    "pgh_metadata": "jsonb",
    "pgh_relation": "text",
    "pgh_related": "jsonb",
}

_NO_EVENTS = sql.SQL("SELECT {} WHERE false").format(
    sql.SQL(", ").join(
        sql.SQL("NULL::{} AS {}").format(sql.SQL(type_), sql.Identifier(name))
        for name, type_ in _COLUMNS.items()
    )
)


def _select(
    event_model: Any, where: list[sql.Composable], tables: list[diffs.EventTable]
) -> sql.Composable:
    """The events of one event table that meet the conditions."""
    select = sql.SQL("SELECT {}{} FROM {} AS e").format(
        _own_columns(event_model),
        _rows(event_model, tables),
        naming.table_identifier(event_model._meta.db_table),
    )
    if not where:
        return select
    return sql.SQL("{} WHERE {}").format(select, sql.SQL(" AND ").join(where))


def _rows(event_model: Any, tables: list[diffs.EventTable]) -> sql.Composable:
    """The whole event, in a column for each partitioned table. See Note [Page first]."""
    columns = [
        sql.SQL(", {} AS {}").format(
            sql.SQL("e")
            if table.event_model is event_model
            else sql.SQL("NULL::{}").format(table.source),
            table.row_column,
        )
        for table in tables
        if table.row_column is not None
    ]
    return sql.SQL("").join(columns)


def _select_related(
    relation: related_rows.Relation, objs: Sequence[Model], tables: list[diffs.EventTable]
) -> sql.Composable:
    """Select the events that added a row to a relation of these objects or removed one."""
    value = sql.SQL("pg_catalog.to_jsonb(e.{})").format(sql.Identifier(relation.value.column))
    values = {
        **_values(relation.event_model),
        "pgh_obj_model": sql.Literal(relation.tracked_model._meta.label),
        "pgh_obj_id": sql.SQL("parent.key"),
        "pgh_relation": sql.Literal(relation.name),
        "pgh_related": sql.SQL(
            "pg_catalog.jsonb_build_array("
            "CASE WHEN NOT moved.is_added THEN {0} END, CASE WHEN moved.is_added THEN {0} END)"
        ).format(value),
    }
    return sql.SQL("SELECT {}{} FROM {}").format(
        _columns(values), _rows(relation.event_model, tables), relation.branch(objs)
    )


@functools.cache
def _own_columns(event_model: Any) -> sql.Composable:
    """Return the rendered SQL, which is cached."""
    return sql.SQL(_columns(_values(event_model)).as_string())


def _columns(values: Mapping[str, sql.Composable]) -> sql.Composable:
    return sql.SQL(", ").join(
        sql.SQL("({})::{} AS {}").format(value, sql.SQL(_COLUMNS[name]), sql.Identifier(name))
        for name, value in values.items()
    )


def _values(event_model: Any) -> dict[str, sql.Composable]:
    """Return each column of the subquery for the events of one table, called ``e``."""
    own = {field.name: field for field in event_model._meta.local_fields}
    label = event_model._meta.label
    context = own.get("pgh_context")
    is_key = context is not None and context.is_relation
    return {
        "pgh_slug": sql.SQL("{} || e.pgh_id").format(sql.Literal(f"{label}:")),
        "pgh_model": sql.Literal(label),
        "pgh_table": sql.Literal(event_model._meta.db_table),
        "pgh_id": sql.SQL("e.pgh_id"),
        "pgh_created_at": sql.SQL("e.pgh_created_at"),
        "pgh_label": sql.SQL("e.pgh_label"),
        "pgh_obj_model": sql.Literal(event_model.pgh_tracked_model._meta.label),
        "pgh_obj_id": _obj_id(event_model),
        "pgh_context_id": sql.SQL(
            "e.pgh_context_id" if is_key or "pgh_context_id" in own else "NULL"
        ),
        "pgh_metadata": sql.SQL("e.pgh_context" if context and not is_key else "NULL"),
        "pgh_relation": sql.SQL("NULL"),
        "pgh_related": sql.SQL("NULL"),
    }


def _obj_id(event_model: Any) -> sql.Composable:
    """The key of the object as text, a composite one as a JSON array."""
    columns = [
        sql.SQL("e.{}").format(sql.Identifier(name)) for name in diffs.obj_columns(event_model)
    ]
    if not columns:
        return sql.SQL("NULL")
    if len(columns) == 1:
        return columns[0]
    return sql.SQL("pg_catalog.jsonb_build_array({})").format(sql.SQL(", ").join(columns))


def _is_about(event_model: Any, objs: Iterable[Model]) -> sql.Composable | None:
    tracked = inheritance.concrete(event_model.pgh_tracked_model)
    if not diffs.obj_columns(event_model):
        return None
    meant = [obj for obj in objs if tracked in inheritance.tables(type(obj))]
    return _matches(event_model._meta.get_field("pgh_obj"), meant)


def _refers_to(event_model: Any, objs: Iterable[Model]) -> sql.Composable | None:
    found = []
    for field in event_model._meta.local_fields:
        related = getattr(field, "related_model", None)
        if related is None or field.name == "pgh_context":
            continue
        meant = [
            obj for obj in objs if inheritance.concrete(related) in inheritance.tables(type(obj))
        ]
        found.append(_matches(field, meant))
    conditions = [condition for condition in found if condition is not None]
    if not conditions:
        return None
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def _matches(field: Any, objs: list[Model]) -> sql.Composable | None:
    """The condition that a relation points to one of the objects, None without objects."""
    if not objs:
        return None
    connection = postgres_connection()
    columns = [
        sql.SQL("e.{}").format(sql.Identifier(near.column)) for near, _ in field.related_fields
    ]
    keys = [
        [
            sql.Literal(far.get_db_prep_value(getattr(obj, far.attname), connection))
            for _, far in field.related_fields
        ]
        for obj in objs
    ]
    if len(columns) > 1:
        rows: list[sql.Composable] = [
            sql.SQL("({})").format(sql.SQL(", ").join(key)) for key in keys
        ]
        left: sql.Composable = sql.SQL("({})").format(sql.SQL(", ").join(columns))
    else:
        rows, left = [*(key[0] for key in keys)], columns[0]
    if len(rows) == 1:
        return sql.SQL("{} = {}").format(left, rows[0])
    return sql.SQL("{} IN ({})").format(left, sql.SQL(", ").join(rows))


def _flat(given: Iterable[Any]) -> list[Any]:
    """Return objects that were given one by one, in lists or in querysets."""
    found: list[Any] = []
    for each in given:
        is_one = isinstance(each, models.Model | str | type)
        found.extend([each] if is_one else each)
    return found
