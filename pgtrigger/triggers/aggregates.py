"""``Count`` and ``Sum``: a number in a parent row about the rows that refer to it.

Each statement causes one UPDATE of the parents whose number changes, for any number of rows. The
parents are locked in the order of their keys, so that two statements cannot deadlock. If one of
them is not updated, because row-level security hides it or its own trigger suppresses the update,
the statement is refused: a number is never wrong.

https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db import models
from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql import isolation
from pgtrigger.sql.function_body import Body, Quoted, Relation
from pgtrigger.triggers import pairing, raising
from pgtrigger.triggers.relations import foreign_key, not_updated_hint
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
    from collections.abc import Callable, Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.declaration import Options

_LONGEST_SUFFIX = len("_truncate")
_OTHERS = {
    "update": clauses.Update,
    "delete": clauses.Delete,
    "truncate": clauses.Truncate,
}
_SIDES = {"INSERT": [NEW], "DELETE": [OLD], "UPDATE": [OLD, NEW]}


class Aggregate(Trigger):
    """The base of ``Count`` and ``Sum``."""

    level = clauses.Statement
    when = clauses.After
    operation = clauses.Insert

    def __init__(
        self, target: str, /, *, where: models.Q | None = None, **options: Unpack[Options]
    ):
        self.target, self.where = target, where
        condition: Any = where
        if not isinstance(target, str) or target.count(".") != 1:
            self._reject(
                f"found {target!r}, expected a foreign key and a field of the model it refers to, "
                'such as "post.comment_count"'
            )
        if condition is not None and not isinstance(condition, models.Q):
            self._reject(f'"where" is a condition such as Q(is_public=True): found {where!r}')
        longest = naming.MAX_NAME_LENGTH - _LONGEST_SUFFIX
        options.setdefault("name", target.replace(".", "_")[:longest])
        super().__init__(**options)

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.operation != clauses.Insert:
            return ()
        args, kwargs = self._constructor_arguments
        kwargs = {name: value for name, value in kwargs.items() if name != "name"}
        return [
            type(self)(*args, **kwargs, name=f"{self.name}_{suffix}", operation=operation)
            for suffix, operation in _OTHERS.items()
        ]

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
        return [("pgtrigger_missing", "pg_catalog.int8")] if self._sides() else ()

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
        # See Note [Statement plans].
        return Body(
            f"PERFORM 1 FROM {TRANSITION_TABLES.alias(sides[0])} OFFSET 1 LIMIT 1;\n",
            "IF NOT FOUND THEN\n",
            self._apply(model, sides, lambda query: Body(query, "\nINTO pgtrigger_missing;")),
            "\nELSE\n",
            self._apply(
                model,
                sides,
                lambda query: Body("EXECUTE ", Quoted(query), " INTO pgtrigger_missing;"),
            ),
            "\nEND IF;\nIF pgtrigger_missing OPERATOR(pg_catalog.<>) 0 THEN\n",
            self._raise_if_hidden(model, sides),
            "\nEND IF;\nRETURN NULL;",
        )

    def _apply(
        self, model: type[Model], sides: list[str], into_missing: Callable[[Body], Body]
    ) -> Body:
        """Update the parents, and count those that could not be updated.

        Many updates change no number. They end here, also because an UPDATE of no row fires
        triggers too: those of a table that refers to itself would never end.
        """
        changes = self._changes(model, sides)
        update = into_missing(self._update(model, changes))
        if sides != [OLD, NEW]:
            return update
        is_any = Body("SELECT pg_catalog.count(*) FROM (", changes, " LIMIT 1) AS changes")
        return Body(
            into_missing(is_any),
            "\nIF pgtrigger_missing OPERATOR(pg_catalog.=) 0 THEN\nRETURN NULL;\nEND IF;\n",
            update,
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
        """A query of the parents whose number changes, and by how much."""
        return sql.SQL(
            "SELECT rows.parent, pg_catalog.sum(rows.value) AS value FROM (\n{}\n) AS rows\n"
            "WHERE rows.parent IS NOT NULL GROUP BY rows.parent\n"
            "HAVING pg_catalog.sum(rows.value) OPERATOR(pg_catalog.<>) 0"
        ).format(sql.SQL("\nUNION ALL\n").join(self._rows(model, side) for side in sides))

    def _update(self, model: type[Model], changes: sql.Composable) -> Body:
        """A query that updates the parents, and returns how many could not be updated."""
        key, target = self.fields(model)
        names = {
            "key": column_identifier(key.target_field),
            "number": column_identifier(target),
        }
        return Body(
            "WITH changes AS MATERIALIZED (\n",
            changes,
            "\n), updated AS (\nUPDATE ",
            self._parents(model),
            sql.SQL(
                " AS parent SET {number} = parent.{number} OPERATOR(pg_catalog.+) locked.value\n"
                "FROM (SELECT parent.{key}, changes.value FROM "
            ).format(**names),
            self._parents(model),
            sql.SQL(
                " AS parent\n"
                "JOIN changes ON parent.{key} OPERATOR(pg_catalog.=) changes.parent\n"
                "ORDER BY parent.{key} FOR NO KEY UPDATE OF parent) AS locked\n"
                "WHERE parent.{key} OPERATOR(pg_catalog.=) locked.{key} RETURNING 1\n)\n"
            ).format(**names),
            "SELECT (SELECT pg_catalog.count(*) FROM changes) OPERATOR(pg_catalog.-) "
            "(SELECT pg_catalog.count(*) FROM updated)",
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

    def _raise_if_hidden(self, model: type[Model], sides: list[str]) -> Body:
        """Raise unless every parent that was not updated is gone, and needs no number."""
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
        return Body(
            "IF pg_catalog.row_security_active(",
            Quoted(Body(Relation(table))),
            "::pg_catalog.regclass) OR EXISTS (\nSELECT 1 FROM (",
            sql.SQL("\nUNION ALL\n").join(self._rows(model, side) for side in sides),
            ") AS rows LEFT JOIN ",
            Relation(table),
            sql.SQL(
                " AS parent ON rows.parent OPERATOR(pg_catalog.=) parent.{key}\n"
                "WHERE rows.parent IS NOT NULL AND (parent.{key} IS NOT NULL OR rows.is_new)\n"
            ).format(key=column_identifier(key.target_field)),
            ") THEN\n",
            raising.raise_for_statement(refusal, model),
            "\nEND IF;",
        )


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
