"""The statements with which a trigger's function writes events.

Note [One context row]. With a foreign key to the context, its row is written at most once per
transaction and context: the function compares what is wanted (``pghistory.context_id`` and
``pghistory.context_metadata``, which Python sends) with what is written
(``pghistory.context_written``, as local to the transaction as they are) and, having written, sets
the latter. ROLLBACK TO SAVEPOINT rolls back variable and row together. The row is written after the
events, so that a statement without events does not write one.

The transaction that creates the row may change its keys. A later one can only add some: otherwise
any role could change who made an old change, by setting ``pghistory.context_id`` to the old key.
``created_at`` is the time at which the transaction began, so it tells the two apart.

Two transactions can be in one context at once: on two connections of one thread, or in two tasks.
The second would wait for the first to end, which may never happen, because the first may wait for
the second in Python, where PostgreSQL does not see the deadlock. So each takes an advisory lock for
the context, and one that does not get it writes a separate row with the same metadata.

See also Note [Statement plans] of ``pgtrigger.triggers.pairing``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pghistory.config import settings
from pghistory.vocabulary import inheritance, masking
from pghistory.vocabulary.constants import CONTEXT_ID, CONTEXT_METADATA, CONTEXT_WRITTEN
from pgtrigger.sql import isolation
from pgtrigger.sql.function_body import Body, Quoted, Relation
from pgtrigger.triggers import pairing
from pgtrigger.vocabulary.columns import columns_of, equals, value_of
from pgtrigger.vocabulary.conditions import AnyChange

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

    ``table`` is ``tracked_model`` or, with multi-table inheritance, one of its parents; columns of
    other tables are joined. ``rows`` are the aliases of the old and the new row in a condition;
    ``side`` is the one that the event stores.
    """

    event_model: Any
    tracked_model: type[Model]
    label: str
    table: type[Model]
    side: str
    rows: Rows
    masked: Sequence[str] = ()
    """The fields of which the event says whether the update changed them."""

    def of_row(self) -> Body:
        """Capture the row of a row-level trigger."""
        return self._with_context(self._insert((), None, CONTEXT))

    def of_transition_table(self, condition: Condition | None) -> Body:
        """Capture the rows of one transition table."""
        return self._with_context(self._insert([sql.SQL(self._alias)], condition, CONTEXT))

    def of_paired_rows(self, condition: Condition | None) -> Body:
        """Capture the rows of an update, each new row together with its old one."""
        pairs = pairing.pairs(self.table, self.rows)
        one = self._insert([pairs.one], condition, CONTEXT)
        by_key, by_ordinal = (
            self._execute(self._insert([source], condition, "$1"))
            for source in (pairs.by_key, pairs.by_ordinal)
        )
        return self._with_context(pairing.choose(self.table, self.rows, one, by_key, by_ordinal))

    def of_table(self, condition: Condition | None) -> Body:
        """Capture every row of the table."""
        everything = [
            Relation(self.table._meta.db_table),
            sql.SQL(" AS {}").format(sql.SQL(self._alias)),
        ]
        events = self._with_context(self._execute(self._insert(everything, condition, "$1")))
        return Body(_refuse_old_snapshot(self.table._meta.db_table), events)

    @property
    def _alias(self) -> str:
        return self.rows.alias(self.side)

    @staticmethod
    def _execute(statement: Body) -> Body:
        return Body("EXECUTE ", Quoted(statement), f" USING {CONTEXT};")

    def of_source(self, source: Sequence[Any], where: sql.Composable, context: str) -> Body:
        """Capture the rows of a FROM clause that meet a condition, without a context row."""
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
        where: list[Any] = [
            Body(child, " ", equals(join.link), " ", parent)
            for join in joined
            for child, parent in [join.on]
        ]
        where += chosen
        if condition is not None:
            where.append(sql.SQL("({})").format(sql.SQL(condition.render(self.table, self.rows))))
        filters = [part for each in where for part in (" AND ", each)][1:]
        return Body(
            "INSERT INTO ",
            Relation(self.event_model._meta.db_table),
            sql.SQL(" ({})\nSELECT {}").format(
                sql.SQL(", ").join(sql.Identifier(column) for column in columns),
                sql.SQL(", ").join(columns.values()),
            ),
            *(("\nFROM ", *sources) if sources else ()),
            *(("\nWHERE ", *filters) if filters else ()),
            ";",
        )

    def _columns(self, context: sql.Composable) -> dict[str, sql.Composable]:
        """Return the value of each column of the event table."""
        joined = inheritance.joins(self.tracked_model, self.table, self._alias)
        aliases = {self.table: self._alias, **{join.model: join.alias for join in joined}}
        row = {
            field.name: value_of(field, aliases[inheritance.owner(field)])
            for field in inheritance.all_columns(self.tracked_model)
        }
        of_event = {**self._event_columns(row, context), **self._flags()}
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
            "pgh_created_at": sql.SQL(settings.created_at_function),
            "pgh_label": sql.Literal(self.label),
            "pgh_context": context if self._has_context_key else METADATA,
            "pgh_context_id": context,
            **({"pgh_obj": row[obj.target_field.name]} if has_obj_column else {}),
        }

    def _flags(self) -> dict[str, sql.Composable]:
        """Return, for each masked field, whether the update of ``table`` changed it."""
        own = {field.name for field in columns_of(self.table)}
        return {
            masking.flag(name): sql.SQL(AnyChange(name).render(self.table, self.rows))
            if name in own
            else sql.SQL("false")
            for name in self.masked
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
            _SESSION_CONTEXT if settings.record_session else "",
            _CONTEXT_OF_ITS_OWN if self._has_context_key else "",
            insert,
            _CONTEXT_ROW if self._has_context_key else "",
        )


def insert_context(table: Relation | sql.Composable, key: sql.Composable, metadata: Any) -> Body:
    """The statement that writes a context: see Note [One context row]."""
    values = _CONTEXT_VALUES.format(key=key, metadata=metadata)
    return Body("INSERT INTO ", table, values)


def declarations() -> list[tuple[str, str]]:
    """The variables of the function."""
    return [(CONTEXT, f"pg_catalog.uuid := {context_id()}"), (EVENTS, "pg_catalog.int8")]


def context_id() -> str:
    """The SQL of the id of the context that is open, NULL without one."""
    return optional_setting(CONTEXT_ID, "uuid").as_string()


def _refuse_old_snapshot(table: str) -> sql.Composable:
    """Refuse TRUNCATE if it removes rows that the transaction cannot see.

    From REPEATABLE READ on, a transaction does not see rows that others committed since its
    first query, but TRUNCATE removes them.

    https://www.postgresql.org/docs/current/mvcc-caveats.html
    """
    return isolation.refuse_old_snapshot(
        table,
        f"pghistory: Cannot truncate the tracked table {table} at this isolation level",
        "TRUNCATE also removes rows that this transaction cannot see, so their events would be "
        "missing. Use READ COMMITTED, use DELETE, or ignore the trigger.",
    )


def _setting(name: str) -> sql.Composable:
    return sql.SQL("pg_catalog.current_setting({}, true)").format(sql.Literal(name))


def optional_setting(name: str, type_: str) -> sql.Composable:
    """The setting as a value of this type, NULL if it is not set or empty."""
    return sql.SQL(
        "(CASE WHEN {0} OPERATOR(pg_catalog.<>) '' THEN {0} END)::pg_catalog.{1}"
    ).format(_setting(name), sql.SQL(type_))


METADATA = optional_setting(CONTEXT_METADATA, "jsonb")
_CONTEXT_VALUES = sql.SQL(
    """\
 AS kept (id, created_at, updated_at, metadata)
        VALUES ({key}, pg_catalog.now(), pg_catalog.now(), COALESCE({metadata}, '{{}}'))
        ON CONFLICT (id) DO UPDATE
            SET metadata = CASE
                    WHEN kept.created_at OPERATOR(pg_catalog.=) pg_catalog.now()
                    THEN kept.metadata OPERATOR(pg_catalog.||) EXCLUDED.metadata
                    ELSE EXCLUDED.metadata OPERATOR(pg_catalog.||) kept.metadata
                END,
                updated_at = EXCLUDED.updated_at
            WHERE pg_catalog.jsonb_typeof(EXCLUDED.metadata) OPERATOR(pg_catalog.=) 'object'
                AND pg_catalog.jsonb_typeof(kept.metadata) OPERATOR(pg_catalog.=) 'object'
                AND NOT kept.metadata OPERATOR(pg_catalog.@>) EXCLUDED.metadata"""
)
_WANTED = sql.SQL("pg_catalog.concat({}, {})").format(
    _setting(CONTEXT_ID), _setting(CONTEXT_METADATA)
)

_CONTEXT_ROW = Body(
    sql.SQL(
        """
IF {context} IS NOT NULL THEN
    GET DIAGNOSTICS {events} = ROW_COUNT;
    IF {events} OPERATOR(pg_catalog.>) 0
        AND ({written} OPERATOR(pg_catalog.=) {wanted}) IS NOT TRUE
    THEN
        """
    ).format(
        context=sql.SQL(CONTEXT),
        events=sql.SQL(EVENTS),
        written=_setting(CONTEXT_WRITTEN),
        wanted=_WANTED,
    ),
    insert_context(Relation(CONTEXT_TABLE), sql.SQL(CONTEXT), METADATA),
    sql.SQL(
        """;
        PERFORM pg_catalog.set_config({setting}, {wanted}, true);
    END IF;
END IF;"""
    ).format(
        setting=sql.Literal(CONTEXT_WRITTEN),
        wanted=_WANTED,
    ),
)

# The key of the context for events that Python writes: the same decision as in a function.
CLAIM_CONTEXT = sql.SQL(
    """
    SELECT pg_catalog.set_config(
        {setting},
        CASE
            WHEN pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended({id}, 0))
            THEN {id}
            ELSE pg_catalog.gen_random_uuid()::pg_catalog.text
        END,
        true
    )
    """
).format(setting=sql.Literal(CONTEXT_ID), id=_setting(CONTEXT_ID))

# https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS
_CONTEXT_OF_ITS_OWN = Body(
    sql.SQL(
        """\
IF {context} IS NOT NULL
    AND ({written} OPERATOR(pg_catalog.=) {wanted}) IS NOT TRUE
    AND NOT pg_catalog.pg_try_advisory_xact_lock(
        pg_catalog.hashtextextended({context}::pg_catalog.text, 0)
    )
THEN
    {context} := pg_catalog.gen_random_uuid();
    PERFORM pg_catalog.set_config({id_setting}, {context}::pg_catalog.text, true);
END IF;
"""
    ).format(
        context=sql.SQL(CONTEXT),
        written=_setting(CONTEXT_WRITTEN),
        wanted=_WANTED,
        id_setting=sql.Literal(CONTEXT_ID),
    )
)

# https://www.postgresql.org/docs/current/functions-info.html
_SESSION_CONTEXT = Body(
    sql.SQL(
        """\
IF {context} IS NULL THEN
    PERFORM pg_catalog.set_config(
            {id_setting}, pg_catalog.gen_random_uuid()::pg_catalog.text, true
        ),
        pg_catalog.set_config(
            {metadata_setting},
            pg_catalog.jsonb_build_object(
                'database_role', session_user,
                'application_name', pg_catalog.current_setting('application_name'),
                'client_address', pg_catalog.host(pg_catalog.inet_client_addr())
            )::pg_catalog.text,
            true
        );
    {context} := {id}::pg_catalog.uuid;
END IF;
"""
    ).format(
        context=sql.SQL(CONTEXT),
        id_setting=sql.Literal(CONTEXT_ID),
        metadata_setting=sql.Literal(CONTEXT_METADATA),
        id=_setting(CONTEXT_ID),
    )
)
