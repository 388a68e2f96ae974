"""Turn an event table into a partitioned table, and back into a plain one.

Note [Attached, not copied]. The existing table becomes the first partition of a new table that gets
its name, so that no event is copied. PostgreSQL must know that all its keys are below the bound. A
CHECK constraint says so, which is validated beforehand, while others read and write; the bound
leaves room for what they write meanwhile. The rest locks the table for milliseconds.

PostgreSQL before 17 has no identity columns in partitioned tables, so the key's values come from a
sequence of the table's own.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from psycopg import sql

from pghistory.keeping import ownership, partitions, runs
from pghistory.keeping.partitions import EventPartition
from pghistory.keeping.surroundings import Surroundings, validate
from pgtrigger import naming
from pgtrigger.sql.queries import query

if TYPE_CHECKING:
    from collections.abc import Iterator

# Keys that others may use between the constraint and the conversion.
ROOM = 1_000_000
_BOUNDS = sql.Identifier("pghistory_bounds")


class CannotPartition(ValueError):
    """The event table cannot become a partitioned table as it is."""


def convert(event_model: Any, every: int, using: str) -> None:
    """Make the table of an event model the first partition of a new table with its name.

    An interrupted call can be repeated. A table that is partitioned already stays as it is.

    Raises:
        CannotPartition: The key has 32 bits, or something depends on the table that cannot follow.
    """
    table = event_model._meta.db_table
    if partitions.read(table, using) is None:
        reject(event_model, using)
        bound = _bound(table, every, using)
        runs.persist(lambda: _check(event_model, bound, using))
        with ownership_of(event_model, using), connections[using].cursor() as cursor:
            cursor.execute(
                sql.SQL("ALTER TABLE {} VALIDATE CONSTRAINT {}").format(
                    naming.table_identifier(table), _BOUNDS
                )
            )
        runs.persist(lambda: _convert(event_model, bound, every, using))
    with ownership_of(event_model, using):
        validate(table, using)


def restore(event_model: Any, using: str) -> None:
    """Turn a partitioned event table back into a plain one.

    The events of all other partitions are copied into the first one, while the table is locked.
    """
    table = event_model._meta.db_table
    if partitions.read(table, using) is not None:
        _reject_obstacles(event_model, using)
        runs.persist(lambda: _restore(event_model, using))
    with ownership_of(event_model, using):
        validate(table, using)


def reject(event_model: Any, using: str) -> None:
    """Raise CannotPartition, with what to do, if the table cannot become a partitioned one."""
    label = event_model._meta.label
    state = _state(event_model._meta.db_table, using)
    if state is None:
        raise CannotPartition(f"{label} has no table with a key pgh_id.")
    _, key_type, _, _ = state
    if key_type != "bigint":
        raise CannotPartition(
            f"The key pgh_id of {label} is {key_type}, which numbers two billion events at most: "
            f"a table that needs partitions needs bigint. Run `manage.py pghistory upgrade {label}`"
            " and apply the migration that it writes before this one. For a large table, see"
            " docs/moving-from-pypi.md."
        )
    _reject_obstacles(event_model, using)


def _reject_obstacles(event_model: Any, using: str) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(
            query(__package__, "obstacles"), {"table": _text(event_model._meta.db_table)}
        )
        obstacles = [found for (found,) in cursor.fetchall()]
    if obstacles:
        raise CannotPartition(
            f"The table of {event_model._meta.label} has {', '.join(obstacles)}, which would not "
            "follow. Drop it before this migration operation, and create it again afterwards."
        )


@contextlib.contextmanager
def ownership_of(event_model: Any, using: str) -> Iterator[None]:
    """Open a transaction as the owner, in which a lock is waited for no longer than two seconds."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        with ownership.as_owner(event_model, using):
            yield


def _bound(table: str, every: int, using: str) -> int:
    """The key at which the first partition ends: a multiple of ``every``, with room if it has rows.

    The room is for what others write until the table is converted.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT COALESCE(pg_catalog.max(pgh_id), 0) FROM {}").format(
                naming.table_identifier(table)
            )
        )
        (newest,) = cursor.fetchone()
    last = max(int(newest), partitions.position(table, using))
    needed = last + max(every, ROOM) if newest else last + 1
    return -(-needed // every) * every


def _check(event_model: Any, bound: int, using: str) -> None:
    """Add the constraint that the keys are below the bound, without looking at the rows."""
    with ownership_of(event_model, using), connections[using].cursor() as cursor:
        table = naming.table_identifier(event_model._meta.db_table)
        cursor.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(table, _BOUNDS)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK (pgh_id < {}) NOT VALID").format(
                table, _BOUNDS, sql.Literal(bound)
            )
        )


def _convert(event_model: Any, bound: int, every: int, using: str) -> None:
    table = event_model._meta.db_table
    identifier = naming.table_identifier(table)
    with ownership_of(event_model, using), connections[using].cursor() as cursor:
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(identifier))
        state = _state(table, using)
        assert state is not None
        schema = state[0]
        surroundings = Surroundings.of(table, using)
        surroundings.take_off(using)
        first = EventPartition(schema, partitions.name(table, "first"), None, bound)
        _rename(cursor, identifier, first.name)
        for index, _ in [*surroundings.primary_key, *surroundings.indexes]:
            _rename_index(cursor, schema, index, partitions.name(index, "first"))
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {} (LIKE {} INCLUDING DEFAULTS INCLUDING CONSTRAINTS "
                "INCLUDING GENERATED INCLUDING STORAGE INCLUDING COMMENTS) "
                "PARTITION BY RANGE (pgh_id)"
            ).format(sql.Identifier(schema, naming.split_table(table)[1]), first.identifier)
        )
        cursor.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(identifier, _BOUNDS))
        _give_sequence(cursor, identifier, first, state, partitions.position(_own(first), using))
        surroundings.put_constraints(using)
        partitions.attach(table, first, using)
        partitions.close(first, using)
        cursor.execute(
            sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(first.identifier, _BOUNDS)
        )
        for lower, suffix in ((bound, bound), (None, "rest")):
            upper = None if lower is None else lower + every
            added = EventPartition(schema, partitions.name(table, suffix), lower, upper)
            partitions.create(table, added, using)
            partitions.attach(table, added, using)
        surroundings.put_rest(using)
        partitions.copy_triggers(table, using)


def _give_sequence(
    cursor: Any, table: sql.Identifier, first: EventPartition, state: tuple[Any, ...], position: int
) -> None:
    """Take the keys of the partitioned table from a sequence that starts after the last key.

    Before ``attach()``: see Note [Attached, not copied].
    """
    schema, _, is_identity, sequence = state
    if is_identity:
        name = sequence.rpartition(".")[2].strip('"')
        column = sql.SQL("ALTER TABLE {} ALTER COLUMN pgh_id DROP IDENTITY")
        cursor.execute(column.format(first.identifier))
        cursor.execute(
            sql.SQL("CREATE SEQUENCE {} START {}").format(
                sql.Identifier(schema, name), sql.Literal(position + 1)
            )
        )
        for each in (table, first.identifier):
            cursor.execute(
                sql.SQL("ALTER TABLE {} ALTER COLUMN pgh_id SET DEFAULT nextval({})").format(
                    each, sql.Literal(sql.Identifier(schema, name).as_string())
                )
            )
        sequence = sql.Identifier(schema, name).as_string()
    if sequence is not None:
        cursor.execute(
            sql.SQL("ALTER SEQUENCE {} OWNED BY {}.pgh_id").format(sql.SQL(sequence), table)
        )


def _restore(event_model: Any, using: str) -> None:
    table = event_model._meta.db_table
    identifier = naming.table_identifier(table)
    with ownership_of(event_model, using), connections[using].cursor() as cursor:
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(identifier))
        found = partitions.read(table, using)
        assert found is not None
        first = found.ranges[0]
        position = partitions.position(table, using)
        surroundings = Surroundings.of(table, using)
        surroundings.take_off(using)
        cursor.execute(query(__package__, "child_indexes"), [first.identifier.as_string()])
        indexes = cursor.fetchall()
        partitions.detach(table, first, using)
        columns = sql.SQL(", ").join(
            sql.Identifier(field.column) for field in event_model._meta.local_concrete_fields
        )
        cursor.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
                first.identifier, columns, columns, identifier
            )
        )
        column = sql.SQL("ALTER TABLE {} ALTER COLUMN pgh_id {}")
        cursor.execute(column.format(first.identifier, sql.SQL("DROP DEFAULT")))
        cursor.execute(sql.SQL("DROP TABLE {}").format(identifier))
        _rename(cursor, first.identifier, naming.split_table(table)[1])
        for index, original in indexes:
            _rename_index(cursor, first.schema, index, original)
        cursor.execute(
            column.format(
                identifier,
                sql.SQL("ADD GENERATED BY DEFAULT AS IDENTITY (START {})").format(
                    sql.Literal(position + 1)
                ),
            )
        )
        surroundings.put_rest(using)


def _state(table: str, using: str) -> tuple[Any, ...] | None:
    with connections[using].cursor() as cursor:
        cursor.execute(query(__package__, "key"), {"table": _text(table)})
        return cursor.fetchone()  # type: ignore[no-any-return]


def _rename(cursor: Any, table: sql.Composable, name: str) -> None:
    cursor.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(table, sql.Identifier(name)))


def _rename_index(cursor: Any, schema: str, index: str, name: str) -> None:
    cursor.execute(
        sql.SQL("ALTER INDEX {} RENAME TO {}").format(
            sql.Identifier(schema, index), sql.Identifier(name)
        )
    )


def _own(partition: EventPartition) -> str:
    """The partition as a ``Meta.db_table``."""
    return f'"{partition.schema}"."{partition.name}"'


def _text(table: str) -> str:
    return naming.table_identifier(table).as_string()
