"""``Count`` and ``Sum``: a number in a parent row about the rows that refer to it.

Each statement causes one UPDATE of the parents whose number changes, for any number of rows. The
parents are locked in the order of their keys, so that two statements cannot deadlock. If one of
them is not updated, because row-level security hides it or its own trigger suppresses the update,
the statement is refused: a number is never wrong.

https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from django.db import models
from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql import isolation
from pgtrigger.sql.function_body import PATH_VARIABLE, Body, Quoted, Relation, within_path
from pgtrigger.triggers import pairing, raising
from pgtrigger.triggers.declaration import GENERATED, own_path
from pgtrigger.triggers.relations import foreign_key, has_value, not_updated_hint
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    TRANSITION_TABLES,
    column_identifier,
    own_field,
)
from pgtrigger.vocabulary.conditions import of_side
from pgtrigger.vocabulary.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.declaration import Options

_LONGEST_SUFFIX = len("_truncate")
_OTHERS = {
    "update": clauses.Update,
    "delete": clauses.Delete,
    "truncate": clauses.Truncate,
}
# The variable that holds the result of ``Aggregate._changes``.
_CHANGES = tuple(f"pgtrigger_changes.{name}" for name in ("parents", "numbers", "are_new"))
_LEAVE_IF_UNCHANGED = f"IF {_CHANGES[0]} IS NULL THEN\nRETURN NULL;\nEND IF;\n"
_SIDES = {"INSERT": [NEW], "DELETE": [OLD], "UPDATE": [OLD, NEW]}


class Aggregate(Trigger):
    """The base of ``Count`` and ``Sum``."""

    level = clauses.Statement
    when = clauses.After
    operation = clauses.Insert
    fixed = GENERATED | {
        "operation": "a number is right only if every kind of write counts",
        "level": "it updates each parent once, after the statement",
        "when": "it updates each parent once, after the statement",
        "timing": "it updates each parent once, after the statement",
        "condition": 'it takes "where", a condition on the rows that count',
        "writes": "it sets a field of another row",
    }

    def __init__(
        self, target: str, /, *, where: models.Q | None = None, **options: Unpack[Options]
    ):
        self.target, self.where = target, where
        if not isinstance(target, str) or target.count(".") != 1:
            self._reject(
                f"found {target!r}, expected a foreign key and a field of the model it refers to, "
                'such as "post.comment_count"'
            )
        if where is not None:
            self._validate_row_condition("where", where, "Q(is_public=True)")
        longest = naming.MAX_NAME_LENGTH - _LONGEST_SUFFIX
        options.setdefault("name", target.replace(".", "_")[:longest])
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation != clauses.Insert:
            return ()
        return [self._part(f"_{suffix}", operation) for suffix, operation in _OTHERS.items()]

    def describe(self, model: type[Model]) -> str:
        _, target = self.fields(model)
        where = ""
        if self.where:
            words = sentence(of_side(self.where, NEW), model).replace("the new ", "the ")
            where = f" of which {words}"
        return (
            f"Keeps {target.model._meta.label}.{target.name} {self._kept_as(model)}{where}, "
            f"after {self._operation_name()}."
        )

    def _kept_as(self, model: type[Model]) -> str:
        raise NotImplementedError

    def _operation_name(self) -> str:
        return " or ".join(self.operation.names if self.operation else ())

    def maintains(self, model: type[Model]) -> tuple[type[Model], str] | None:
        _, target = self.fields(model)
        return target.model, target.name

    def get_referencing(self, model: type[Model] | None) -> clauses.Referencing | None:
        sides = self._sides()
        if not sides:
            return None
        return clauses.Referencing(
            old=TRANSITION_TABLES.old if OLD in sides else None,
            new=TRANSITION_TABLES.new if NEW in sides else None,
        )

    def get_settings(self, model: type[Model]) -> dict[str, str]:
        return pairing.PLAN_SETTINGS if self._sides() else {}

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        if not self._sides():
            return ()
        return [
            ("pgtrigger_changes", "pg_catalog.record"),
            ("pgtrigger_missing", "pg_catalog.int8"),
            *([PATH_VARIABLE] if self.where else []),
        ]

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None:
            return ""
        _, target = self.fields(model)
        sides = self._sides()
        if not sides:
            number = column_identifier(target)
            table = model._meta.db_table
            return Body(
                isolation.refuse_old_snapshot(
                    table,
                    f"pgtrigger: Cannot truncate {table} at this isolation level",
                    "TRUNCATE also removes rows that this transaction cannot see, so numbers that "
                    "count them would be wrong. Use READ COMMITTED or DELETE.",
                ),
                "UPDATE ",
                self._parents(model),
                sql.SQL(
                    " SET {number} = 0 WHERE {number} OPERATOR(pg_catalog.<>) 0;\nRETURN NULL;"
                ).format(number=number),
            )
        # See Note [Statement plans]: one row is static, more are planned each time.
        query = self._changes(model, sides)
        # Without a condition, every name in the query is qualified.
        path = own_path(model, of_side(self.where, NEW)) if self.where else ()
        within = partial(within_path, path) if path else Body
        return Body(
            f"PERFORM 1 FROM {TRANSITION_TABLES.alias(sides[0])} OFFSET 1 LIMIT 1;\n",
            "IF NOT FOUND THEN\n",
            within(query, "\nINTO pgtrigger_changes;\n"),
            _LEAVE_IF_UNCHANGED,
            self._update_one(model),
            *(self._update(model, *_CHANGES), "\nINTO pgtrigger_missing;\nELSE\n"),
            within("EXECUTE ", Quoted(Body(query)), " INTO pgtrigger_changes;\n"),
            _LEAVE_IF_UNCHANGED,
            *("EXECUTE ", Quoted(self._update(model, "$1", "$2", "$3")), "\nINTO "),
            f"pgtrigger_missing USING {', '.join(_CHANGES)};\nEND IF;\n",
            "IF pgtrigger_missing OPERATOR(pg_catalog.<>) 0 THEN\n",
            self._raise(model),
            "\nEND IF;\nRETURN NULL;",
        )

    def fields(self, model: type[Model]) -> tuple[models.ForeignKey[Any, Any], Field[Any, Any]]:
        """Return the foreign key and the field of its model. Raise DeclarationError if unfit."""
        key_name, _, target_name = self.target.partition(".")
        key = foreign_key(self, model, key_name)
        target = own_field(key.related_model, target_name)
        self._validate_number(target)
        if target.null or target.primary_key or getattr(target, "generated", False):
            self._reject(
                f"{target.model._meta.label}.{target.name} must be a plain number with default=0, "
                "not null, not the primary key and not generated"
            )
        return key, target

    def value(self, model: type[Model], side: str) -> sql.Composable:
        """Return what one row adds to its parent's number."""
        raise NotImplementedError

    def _validate_number(self, target: Field[Any, Any]) -> None:
        raise NotImplementedError

    def _sides(self) -> list[str]:
        assert self.operation is not None
        [name] = self.operation.names
        return _SIDES.get(name, [])

    def _parents(self, model: type[Model]) -> Relation:
        key, _ = self.fields(model)
        return Relation(key.related_model._meta.db_table)

    def _changes(self, model: type[Model], sides: list[str]) -> sql.Composable:
        """Return a query of arrays: parents whose number changes, by how much, if by new rows.

        Many updates change no number. The function ends then, also because an UPDATE of no row
        fires triggers too: those of a table that refers to itself would never end.
        """
        return sql.SQL(
            "SELECT pg_catalog.array_agg(changes.parent) AS parents,\n"
            "pg_catalog.array_agg(changes.value) AS numbers,\n"
            "pg_catalog.array_agg(changes.is_new) AS are_new FROM (\n"
            "SELECT rows.parent, pg_catalog.sum(rows.value) AS value,\n"
            "pg_catalog.bool_or(rows.is_new) AS is_new FROM (\n{}\n) AS rows\n"
            "WHERE rows.parent IS NOT NULL GROUP BY rows.parent\n"
            "HAVING pg_catalog.sum(rows.value) OPERATOR(pg_catalog.<>) 0) AS changes"
        ).format(sql.SQL("\nUNION ALL\n").join(self._rows(model, side) for side in sides))

    def _update_one(self, model: type[Model]) -> Body:
        """Update the parent and end the function if there is only one, which is the usual case."""
        key, target = self.fields(model)
        parents, numbers, _ = _CHANGES
        return Body(
            f"IF pg_catalog.cardinality({parents}) OPERATOR(pg_catalog.=) 1 THEN\n",
            *("UPDATE ", self._parents(model)),
            sql.SQL(
                " AS parent SET {0} = parent.{0} OPERATOR(pg_catalog.+) ({1})[1]\nWHERE "
            ).format(column_identifier(target), sql.SQL(numbers)),
            has_value(key.target_field, sql.SQL(f"({parents})[1]"), "parent"),
            ";\nIF FOUND THEN\nRETURN NULL;\nEND IF;\nEND IF;\n",
        )

    def _update(self, model: type[Model], parents: str, numbers: str, are_new: str) -> Body:
        """A query that updates the parents, and returns how many could not be updated.

        A parent that is gone, and has no new row, needs no number.
        """
        key, target = self.fields(model)
        names = {"key": column_identifier(key.target_field), "number": column_identifier(target)}
        table = self._parents(model)
        locked_key = sql.SQL("locked.{key}").format(**names)
        of_change = sql.SQL("changes.parent")
        return Body(
            "WITH changes (parent, value, is_new) AS MATERIALIZED (\nSELECT * FROM ROWS FROM (",
            f"pg_catalog.unnest({parents}), pg_catalog.unnest({numbers}), ",
            f"pg_catalog.unnest({are_new}))\n), updated AS (\n",
            *("UPDATE ", table),
            sql.SQL(
                " AS parent SET {number} = parent.{number} OPERATOR(pg_catalog.+) locked.value\n"
                "FROM (SELECT parent.{key}, changes.value FROM "
            ).format(**names),
            *(table, " AS parent\nJOIN changes ON "),
            has_value(key.target_field, of_change, "parent"),
            sql.SQL(
                "\nORDER BY parent.{key} FOR NO KEY UPDATE OF parent) AS locked\nWHERE "
            ).format(**names),
            has_value(key.target_field, locked_key, "parent"),
            sql.SQL(" RETURNING parent.{key}\n)\n").format(**names),
            "SELECT pg_catalog.count(*) FROM changes WHERE NOT EXISTS (\nSELECT 1 FROM updated ",
            *("WHERE ", has_value(key.target_field, of_change, "updated"), ")\n"),
            "AND (changes.is_new OR pg_catalog.row_security_active(",
            *(Quoted(Body(table)), "::pg_catalog.regclass)\nOR EXISTS (SELECT 1 FROM ", table),
            *(" AS parent WHERE ", has_value(key.target_field, of_change, "parent"), "))"),
        )

    def _rows(self, model: type[Model], side: str) -> sql.Composable:
        key, _ = self.fields(model)
        sign = sql.SQL("OPERATOR(pg_catalog.-) " if side == OLD else "")
        return sql.SQL("SELECT {} AS parent, {}{} AS value, {} AS is_new FROM {} WHERE {}").format(
            TRANSITION_TABLES.column(side, key),
            sign,
            self.value(model, side),
            sql.SQL("true" if side == NEW else "false"),
            sql.SQL(TRANSITION_TABLES.alias(side)),
            self.condition_of(model, side),
        )

    def condition_of(self, model: type[Model], side: str) -> sql.Composable:
        """Return ``where`` for the rows of a transition table."""
        if not self.where:
            return sql.SQL("true")
        return sql.SQL(of_side(self.where, side).render(model, TRANSITION_TABLES))

    def _raise(self, model: type[Model]) -> sql.Composable | Body:
        key, target = self.fields(model)
        table = key.related_model._meta.db_table
        refusal = raising.Refusal(
            rule="aggregate",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=not_updated_hint(table),
            message=lambda rows: sql.Literal(
                f"pgtrigger: {table}.{target.column} could not be updated"
            ),
        )
        return raising.raise_for_statement(refusal, model)


class Count(Aggregate):
    """Keeps a parent's number of rows, such as ``Count("post.comment_count")`` on comments.

    Args:
        target: a foreign key and an integer field of the model that it refers to.
        where: count only rows that this condition is true of, such as ``Q(is_public=True)``.
    """

    def value(self, model: type[Model], side: str) -> sql.Composable:
        return sql.SQL("1")

    def _kept_as(self, model: type[Model]) -> str:
        return f"the number of its rows of {model._meta.label}"

    def _validate_number(self, target: Field[Any, Any]) -> None:
        if not isinstance(target, models.IntegerField):
            self._reject(
                f"{target.model._meta.label}.{target.name} is a {type(target).__name__}, "
                "expected an IntegerField(default=0)"
            )


class Sum(Aggregate):
    """Keeps the sum of a field in the parent, such as ``Sum("invoice.total", of="amount")``.

    NULL counts as 0.

    Args:
        target: a foreign key and a number of the model that it refers to.
        of: the field that is summed.
        where: sum only rows that this condition is true of.
    """

    def __init__(
        self, target: str, /, *, of: str, where: models.Q | None = None, **options: Unpack[Options]
    ):
        self.of = of
        self._validate_field_name("of", of)
        super().__init__(target, where=where, **options)

    def _kept_as(self, model: type[Model]) -> str:
        return f"the sum of {self.of} of its rows of {model._meta.label}"

    def value(self, model: type[Model], side: str) -> sql.Composable:
        field = self._summed(model)
        return sql.SQL("COALESCE({}, 0)").format(TRANSITION_TABLES.column(side, field))

    def fields(self, model: type[Model]) -> tuple[models.ForeignKey[Any, Any], Field[Any, Any]]:
        key, target = super().fields(model)
        summed = self._summed(model)
        if _decimal_places(summed) > _decimal_places(target):
            self._reject(
                f"{target.model._meta.label}.{target.name} has fewer decimal places than "
                f"{model._meta.label}.{summed.name}, so that the sum would be rounded"
            )
        return key, target

    def _summed(self, model: type[Model]) -> Field[Any, Any]:
        field = own_field(model, self.of)
        self._validate_number(field)
        return field

    def _validate_number(self, target: Field[Any, Any]) -> None:
        if not isinstance(target, models.IntegerField | models.DecimalField):
            self._reject(
                f"{target.model._meta.label}.{target.name} is a {type(target).__name__}, expected "
                "an IntegerField or a DecimalField (a sum of floats drifts)"
            )


def _decimal_places(field: Field[Any, Any]) -> int:
    return int(getattr(field, "decimal_places", None) or 0)
