"""The statements by which a trigger's function writes events.

Note [One context row]. With a foreign key to the context, its row is written at most once per
transaction and context: the function compares what is wanted (``pghistory.context_id`` and
``pghistory.context_metadata``, which Python sends) with what is written
(``pghistory.context_written``, as local to the transaction as they are) and, having written, sets
the latter. A savepoint's rollback takes back variable and row together. The row comes after the
events, so that a statement without events writes none.

See also Note [Statement plans] of ``pgtrigger.triggers.pairing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pghistory import config
from pghistory.vocabulary import inheritance
from pghistory.vocabulary.constants import CONTEXT_ID, CONTEXT_METADATA, CONTEXT_WRITTEN
from pgtrigger.sql.function_body import Body, Quoted, Relation
from pgtrigger.triggers import pairing
from pgtrigger.vocabulary.columns import value_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import Model

    from pgtrigger.vocabulary.columns import Rows
    from pgtrigger.vocabulary.conditions import Condition

CONTEXT_TABLE = "pghistory_context"
CONTEXT = "pghistory_context_id"
EVENTS = "pghistory_events"


@dataclass(frozen=True)
class Capture:
    """The events of one label in one event table, of rows of ``table``.

    ``table`` is ``tracked_model`` or, with multi-table inheritance, one of its parents; what its
    table does not have is read from the others. ``rows`` are what a condition calls the old row
    and the new one, ``side`` is which of them the event holds.
    """

    event_model: Any
    tracked_model: type[Model]
    label: str
    table: type[Model]
    side: str
    rows: Rows

    def of_row(self) -> Body:
        """For the row that a row-level trigger fires for."""
        return self._with_context(self._insert((), None, CONTEXT))

    def of_transition_table(self, condition: Condition | None) -> Body:
        """For the rows of one transition table, looked at alone."""
        return self._with_context(self._insert([sql.SQL(self._alias)], condition, CONTEXT))

    def of_paired_rows(self, condition: Condition) -> Body:
        """For the rows of an update, each new one looked at beside its old one."""
        return self._with_context(
            pairing.of_updated_rows(
                self.table,
                self.rows,
                one=lambda pair: self._insert([pair], condition, CONTEXT),
                many=lambda pairs: self._execute(self._insert([pairs], condition, "$1")),
            )
        )

    def of_table(self, condition: Condition | None) -> Body:
        """For every row that the table has."""
        everything = [
            Relation(self.table._meta.db_table),
            sql.SQL(" AS {}").format(sql.SQL(self._alias)),
        ]
        return self._with_context(self._execute(self._insert(everything, condition, "$1")))

    @property
    def _alias(self) -> str:
        return self.rows.alias(self.side)

    @staticmethod
    def _execute(statement: Body) -> Body:
        return Body("EXECUTE ", Quoted(statement), f" USING {CONTEXT};")

    def of_source(self, source: Sequence[Any], where: sql.Composable, context: str) -> Body:
        """For rows that a FROM clause names and a condition chooses, without the context's row."""
        return self._insert(source, None, context, where)

    def _insert(
        self,
        source: Sequence[Any],
        condition: Condition | None,
        context: str,
        *chosen: sql.Composable,
    ) -> Body:
        """``INSERT INTO … SELECT … FROM source WHERE condition``."""
        columns = self._columns(sql.SQL(context))
        joined = inheritance.joins(self.tracked_model, self.table, self._alias)
        sources: list[Any] = list(source)
        for join in joined:
            sources += [", "] if sources else []
            sources += [Relation(join.model._meta.db_table), f" AS {join.alias}"]
        where = [*(join.on for join in joined), *chosen]
        if condition is not None:
            where.append(sql.SQL("({})").format(sql.SQL(condition.render(self.table, self.rows))))
        return Body(
            "INSERT INTO ",
            Relation(self.event_model._meta.db_table),
            sql.SQL(" ({})\nSELECT {}").format(
                sql.SQL(", ").join(sql.Identifier(column) for column in columns),
                sql.SQL(", ").join(columns.values()),
            ),
            *(("\nFROM ", *sources) if sources else ()),
            sql.SQL("\nWHERE {}").format(sql.SQL(" AND ").join(where)) if where else "",
            ";",
        )

    def _columns(self, context: sql.Composable) -> dict[str, sql.Composable]:
        """What each column of the event table gets."""
        joined = inheritance.joins(self.tracked_model, self.table, self._alias)
        aliases = {self.table: self._alias, **{join.model: join.alias for join in joined}}
        row = {
            field.name: value_of(field, aliases[inheritance.owner(field)])
            for field in inheritance.all_columns(self.tracked_model)
        }
        of_event = self._event_columns(row, context)
        values: dict[str, sql.Composable] = {}
        for field in self.event_model._meta.local_concrete_fields:
            value = of_event.get(field.name) or row.get(field.name)
            if value is not None and not field.primary_key:
                values[str(field.column)] = value
        return values

    def _event_columns(
        self, row: Mapping[str, sql.Composable], context: sql.Composable
    ) -> dict[str, sql.Composable]:
        obj = self._own_field("pgh_obj")
        has_obj_column = obj is not None and obj.concrete
        return {
            "pgh_created_at": sql.SQL(config.created_at_function()),
            "pgh_label": sql.Literal(self.label),
            "pgh_context": context if self._has_context_key else _METADATA,
            "pgh_context_id": context,
            **({"pgh_obj": row[obj.target_field.name]} if has_obj_column else {}),
        }

    @property
    def _has_context_key(self) -> bool:
        field = self._own_field("pgh_context")
        return field is not None and bool(field.is_relation)

    def _own_field(self, name: str) -> Any:
        fields = self.event_model._meta.local_fields
        return next((field for field in fields if field.name == name), None)

    def _with_context(self, insert: Body) -> Body:
        return Body(
            _SESSION_CONTEXT if config.record_session() else "",
            insert,
            *(_CONTEXT_ROW if self._has_context_key else ()),
        )


def declarations() -> list[tuple[str, str]]:
    """The variables of the function."""
    return [(CONTEXT, f"uuid := {context_id()}"), (EVENTS, "bigint")]


def context_id() -> str:
    """The SQL of the id of the context that is open, NULL without one."""
    return _optional_setting(CONTEXT_ID, "uuid").as_string(None)


def _setting(name: str) -> sql.Composable:
    return sql.SQL("pg_catalog.current_setting({}, true)").format(sql.Literal(name))


def _optional_setting(name: str, type_: str) -> sql.Composable:
    return sql.SQL("NULLIF({}, '')::{}").format(_setting(name), sql.SQL(type_))


_METADATA = _optional_setting(CONTEXT_METADATA, "jsonb")
_WANTED = sql.SQL("pg_catalog.concat({}, {})").format(
    _setting(CONTEXT_ID), _setting(CONTEXT_METADATA)
)

_CONTEXT_ROW = (
    sql.SQL(
        """
IF {context} IS NOT NULL THEN
    GET DIAGNOSTICS {events} = ROW_COUNT;
    IF {events} > 0 AND {written} IS DISTINCT FROM {wanted} THEN
        INSERT INTO """
    ).format(
        context=sql.SQL(CONTEXT),
        events=sql.SQL(EVENTS),
        written=_setting(CONTEXT_WRITTEN),
        wanted=_WANTED,
    ),
    Relation(CONTEXT_TABLE),
    sql.SQL(
        """ AS kept (id, created_at, updated_at, metadata)
        VALUES ({context}, pg_catalog.now(), pg_catalog.now(), COALESCE({metadata}, '{{}}'))
        ON CONFLICT (id) DO UPDATE
            SET metadata = kept.metadata || EXCLUDED.metadata, updated_at = EXCLUDED.updated_at
            WHERE kept.metadata <> kept.metadata || EXCLUDED.metadata;
        PERFORM pg_catalog.set_config({setting}, {wanted}, true);
    END IF;
END IF;"""
    ).format(
        context=sql.SQL(CONTEXT),
        metadata=_METADATA,
        setting=sql.Literal(CONTEXT_WRITTEN),
        wanted=_WANTED,
    ),
)

# https://www.postgresql.org/docs/current/functions-info.html
_SESSION_CONTEXT = sql.SQL(
    """\
IF {context} IS NULL THEN
    PERFORM pg_catalog.set_config({id_setting}, pg_catalog.gen_random_uuid()::text, true),
        pg_catalog.set_config(
            {metadata_setting},
            pg_catalog.jsonb_build_object(
                'database_role', session_user,
                'application_name', pg_catalog.current_setting('application_name'),
                'client_address', pg_catalog.host(pg_catalog.inet_client_addr())
            )::text,
            true
        );
    {context} := {id}::uuid;
END IF;
"""
).format(
    context=sql.SQL(CONTEXT),
    id_setting=sql.Literal(CONTEXT_ID),
    metadata_setting=sql.Literal(CONTEXT_METADATA),
    id=_setting(CONTEXT_ID),
)
