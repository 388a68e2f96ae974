"""When a deferrable constraint is checked: at once, or at COMMIT.

https://www.postgresql.org/docs/current/sql-set-constraints.html
"""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, ProgrammingError, connections, transaction
from django.db.models import Model
from psycopg import sql

from .catalog import Row, is_usable, query
from .declarations import NotAForeignKey, column_of, foreign_key, name_of, truncated

__all__ = [
    "NotAForeignKey",
    "NotDeferrable",
    "NotInTransaction",
    "UnknownConstraint",
    "foreign_key_constraint_name",
    "immediate",
    "rehearse",
    "set_all_immediate",
    "set_deferred",
    "set_immediate",
]

# Note [What a constraint was]
# PostgreSQL does not show whether a constraint is deferred at the moment. So each mode that is set
# here is also stored in a variable of the transaction. PostgreSQL undoes both together: at the end
# of the transaction, and when it rolls back to a savepoint. A constraint that is not in the
# variable has the mode that the catalog declares.
#
# Note [A released savepoint]
# PostgreSQL undoes SET CONSTRAINTS when it rolls back to the savepoint in which it ran. Once that
# savepoint is released, a rollback to an outer savepoint does not undo it. So SET CONSTRAINTS never
# runs here in a savepoint that will be released.
VARIABLE = "integrity.constraints"
ALL = ""

IMMEDIATE = "IMMEDIATE"
DEFERRED = "DEFERRED"


class NotInTransaction(Exception):
    """Constraints are set until the end of a transaction, and there is none: use ``atomic``."""


class UnknownConstraint(ProgrammingError):
    """The database has no constraint of this name, or several outside of the search_path."""


class NotDeferrable(ProgrammingError):
    """The constraint was not made DEFERRABLE, so it is always checked at once."""


@dataclass(frozen=True)
class _DeferrableConstraint:
    schema: str
    name: str
    is_deferrable: bool
    is_initially_deferred: bool

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def key(self) -> str:
        return self.identifier.as_string()

    def is_deferred(self, modes: dict[str, str]) -> bool:
        """See Note [What a constraint was]."""
        declared = DEFERRED if self.is_initially_deferred else IMMEDIATE
        return modes.get(self.key, modes.get(ALL, declared)) == DEFERRED


@contextmanager
def immediate(names: Collection[str], *, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Check these constraints at once, within the block; then put each back to what it was.

    If a violation is pending on entry, its IntegrityError is raised there, inside a savepoint. The
    block is a savepoint too: an exception that leaves it rolls back what the block wrote. In both
    cases the transaction can still be used.

    Raises:
        NotInTransaction: outside a transaction, also if ``names`` is empty.
        UnknownConstraint: if the database has no constraint of that name.
    """
    _require_transaction(using)
    constraints = _find(names, using)
    modes = _modes(using) if constraints else {}
    deferred = [constraint for constraint in constraints if constraint.is_deferred(modes)]
    if constraints:
        _rehearse(_identifiers(constraints), using)
        _set(constraints, IMMEDIATE, using)
    try:
        with transaction.atomic(using=using):
            yield
    finally:
        # A failed transaction accepts no statement, and its rollback restores the modes.
        if is_usable(connections[using]):
            _set(deferred, DEFERRED, using)


def set_all_immediate(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Check every constraint at once, until the transaction ends.

    Raises:
        NotInTransaction: outside a transaction.
        IntegrityError: if a violation is pending.
    """
    _require_transaction(using)
    _execute(sql.SQL("SET CONSTRAINTS ALL IMMEDIATE"), using)
    _remember({ALL: IMMEDIATE}, using)


def set_immediate(names: Collection[str], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Check these constraints at once, until the transaction ends.

    Raises:
        NotInTransaction: outside a transaction, also if ``names`` is empty.
        UnknownConstraint: if the database has no constraint of that name.
        IntegrityError: if a violation is pending.
    """
    _require_transaction(using)
    _set(_find(names, using), IMMEDIATE, using)


def set_deferred(names: Collection[str], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Check these constraints at COMMIT.

    Raises:
        NotInTransaction: outside a transaction, also if ``names`` is empty.
        UnknownConstraint: if the database has no constraint of that name.
        NotDeferrable: if one of them was not made DEFERRABLE.
    """
    _require_transaction(using)
    constraints = _find(names, using)
    for constraint in constraints:
        if not constraint.is_deferrable:
            raise NotDeferrable(
                f"The constraint {constraint.key} is NOT DEFERRABLE: declare it with"
                " deferrable=Deferrable.IMMEDIATE or Deferrable.DEFERRED."
            )
    _set(constraints, DEFERRED, using)


def rehearse(*, using: str = DEFAULT_DB_ALIAS) -> None:
    """Check now what COMMIT would check, and change nothing: it is all checked again at COMMIT.

    Deferred triggers fire too, and what they write is rolled back.

    Raises:
        NotInTransaction: outside a transaction.
        IntegrityError: if a violation is pending, or whatever else a deferred trigger raises.
    """
    _require_transaction(using)
    _rehearse(sql.SQL("ALL"), using)


def foreign_key_constraint_name(
    model: type[Model], field_name: str, *, using: str = DEFAULT_DB_ALIAS
) -> str:
    """The name of the constraint behind a foreign key, as the catalog has it.

    Raises:
        FieldDoesNotExist: if the model has no such field.
        NotAForeignKey: if the field is not a foreign key.
        UnknownConstraint: if the database has no constraint for it (db_constraint=False).
    """
    field = foreign_key(model, field_name)
    connection = connections[using]
    quote = connection.ops.quote_name
    found = query(
        connection,
        "foreign_key",
        {
            "table": quote(field.model._meta.db_table),
            "column": column_of(field),
            "related": quote(field.related_model._meta.db_table),
        },
    )
    if not found:
        raise UnknownConstraint(
            f"The database {using!r} has no foreign key for {name_of(model)}.{field_name}: has the"
            " model been migrated, without db_constraint=False?"
        )
    return str(found[0][0])


def _require_transaction(using: str) -> None:
    connection = connections[using]
    if not connection.in_atomic_block and connection.get_autocommit():
        raise NotInTransaction(
            f"Constraints of the database {using!r} are set until the transaction ends, and none"
            " has begun: put this inside `with transaction.atomic():`."
        )


def _find(names: Collection[str], using: str) -> list[_DeferrableConstraint]:
    """Return the constraints with these names, found in the same way as by SET CONSTRAINTS.

    A name that is not in the search_path may be in one other schema.
    """
    if isinstance(names, str):
        raise TypeError(f"Expected a collection of constraint names, found the string {names!r}.")
    wanted = list(dict.fromkeys(map(truncated, names)))
    if not wanted:
        return []
    rows = query(connections[using], "named_constraints", {"names": wanted})
    return [_choose(name, [row[1:] for row in rows if row[0] == name], using) for name in wanted]


def _choose(name: str, candidates: list[Row], using: str) -> _DeferrableConstraint:
    """Return the first schema of search_path that has the name, else the only one that has it."""
    if not candidates:
        raise UnknownConstraint(f"The database {using!r} has no constraint named {name!r}.")
    (schema, is_visible, is_deferrable, is_initially_deferred), *others = candidates
    if others and not is_visible:
        raise UnknownConstraint(
            f"The constraint {name!r} is in several schemas"
            f" ({', '.join(schema for schema, *_ in candidates)}), none of them in the search_path."
        )
    return _DeferrableConstraint(schema, name, is_deferrable, is_initially_deferred)


def _set(constraints: list[_DeferrableConstraint], mode: str, using: str) -> None:
    if constraints:
        _execute(
            sql.SQL("SET CONSTRAINTS {} {}").format(_identifiers(constraints), sql.SQL(mode)), using
        )
        _remember(_modes(using) | {constraint.key: mode for constraint in constraints}, using)


def _identifiers(constraints: list[_DeferrableConstraint]) -> sql.Composed:
    return sql.SQL(", ").join(constraint.identifier for constraint in constraints)


def _rehearse(which: sql.Composable, using: str) -> None:
    """Check these now, in a savepoint that is rolled back. See Note [A released savepoint]."""
    with transaction.atomic(using=using):
        _execute(sql.SQL("SET CONSTRAINTS {} IMMEDIATE").format(which), using)
        transaction.set_rollback(True, using=using)


def _modes(using: str) -> dict[str, str]:
    """Return the modes set in this transaction, by the constraint's qualified name."""
    (value,) = _execute(sql.SQL("SELECT current_setting({}, true)").format(VARIABLE), using)
    return dict(json.loads(value)) if value else {}


def _remember(modes: dict[str, str], using: str) -> None:
    statement = sql.SQL("SELECT set_config({}, {}, true)")
    _execute(statement.format(VARIABLE, json.dumps(modes)), using)


def _execute(statement: sql.Composable, using: str) -> Row:
    with connections[using].cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else ()
