"""``Composer``: a function written once for rows and once for statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger import naming
from pgtrigger.errors import DeclarationError
from pgtrigger.triggers import raising
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, TRANSITION_TABLES, Rows, foreign_type, key_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import Model


class Composer(Trigger):
    """A trigger whose function can be written once for rows and once for statements.

    ``func`` may be ``{pgtrigger.Row: …, pgtrigger.Statement: …}``. An AFTER trigger at statement
    level has the transition tables ``old_values`` and ``new_values`` unless ``referencing`` names
    others. In its ``Func``, ``{cond_old_values}`` and ``{cond_new_values}`` are the rows for which
    the condition is true, and ``{cond_joined_values}`` is both tables, joined on the primary key. A
    ``Func`` may select ``FROM`` them. If the condition reads both rows, all three are the joined
    tables: write ``SELECT new_values.*``.
    """

    _named: clauses.Referencing | None = None

    @property
    def referencing(self) -> clauses.Referencing | None:
        """The names of the transition tables: those that were given, or the usual ones."""
        operation = self._operation_with_transition_tables()
        if self._named or operation is None:
            return self._named
        sides = raising.sides_of(operation)
        return clauses.Referencing(
            old=TRANSITION_TABLES.old if OLD in sides else None,
            new=TRANSITION_TABLES.new if NEW in sides else None,
        )

    @referencing.setter
    def referencing(self, named: clauses.Referencing | None) -> None:
        self._named = named

    def get_func(self, model: type[Model] | None) -> Any:
        func = super().get_func(model)
        if not isinstance(func, dict):
            return func
        if self.level not in func:
            self._reject(f"its func has no entry for level {self.level}")
        return func[self.level]

    def get_func_template_kwargs(self, model: type[Model]) -> dict[str, Any]:
        kwargs = super().get_func_template_kwargs(model)
        if self.level == clauses.Statement:
            kwargs["cond_old_values"] = _rendered(lambda: self._where(model, OLD))
            kwargs["cond_new_values"] = _rendered(lambda: self._where(model, NEW))
            kwargs["cond_joined_values"] = _rendered(lambda: self._joined(model))
        return kwargs

    def applies_condition(self, model: type[Model]) -> bool:
        return self.get_referencing(model) is not None

    def _operation_with_transition_tables(self) -> clauses.Operation | None:
        """The operation, if it is one for which a trigger may have transition tables."""
        if self.level != clauses.Statement or self.when != clauses.After:
            return None
        one = self._one_operation()
        return None if isinstance(one, clauses.UpdateOf) or one == clauses.Truncate else one

    def _one_operation(self) -> clauses.Operation | None:
        operations = list(self.operation or ())
        return operations[0] if len(operations) == 1 else None

    def _rows(self, model: type[Model], sides: Iterable[str]) -> Rows:
        """Return the names of the transition tables; reject a needed one without a name."""
        names = self.get_referencing(model)
        for side in sides:
            if not (names and getattr(names, side)):
                self._reject(
                    f"it references {side.upper()} rows, and has no transition table of them: "
                    'an INSERT has no old ones, a DELETE no new ones, and "referencing" must '
                    "name all that are read"
                )
        assert names is not None
        return Rows(
            _reference(names.old, TRANSITION_TABLES.old),
            _reference(names.new, TRANSITION_TABLES.new),
        )

    def _where(self, model: type[Model], side: str) -> str:
        """The rows of one transition table for which the condition is true."""
        rows = self._rows(model, [side])
        table = sql.SQL(rows.alias(side))
        condition = self.get_condition(model)
        if condition is None:
            return table.as_string()
        if condition.sides(model) - {side}:
            return self._joined(model)
        return (
            sql.SQL("(SELECT * FROM {} WHERE {}) AS {}")
            .format(table, sql.SQL(condition.render(model, rows)), table)
            .as_string()
        )

    def _joined(self, model: type[Model]) -> str:
        """Both transition tables, joined on the primary key, where the condition is true."""
        rows = self._rows(model, [OLD, NEW])
        condition = self.get_condition(model)
        on = [
            (_SAME_IMAGE if foreign_type(field) else _SAME_KEY).format(
                rows.column(OLD, field), rows.column(NEW, field)
            )
            for field in key_fields(model)
        ]
        if condition is not None:
            on.append(sql.SQL("({})").format(sql.SQL(condition.render(model, rows))))
        return (
            sql.SQL("{} JOIN {} ON {}")
            .format(sql.SQL(rows.old), sql.SQL(rows.new), sql.SQL(" AND ").join(on))
            .as_string()
        )


_SAME_KEY = sql.SQL("{} OPERATOR(pg_catalog.=) {}")
# https://www.postgresql.org/docs/current/functions-comparisons.html#COMPOSITE-TYPE-COMPARISON
_SAME_IMAGE = sql.SQL("ROW({}) OPERATOR(pg_catalog.*=) ROW({})")


def _reference(name: str | None, usual: str) -> str:
    """A transition table's name as SQL: quoted, unless it is the usual one."""
    return naming.sql_name(name).as_string() if name and name != usual else usual


def _rendered(render: Callable[[], str]) -> Any:
    """The text; if it cannot be rendered, a value that raises where a template uses it."""
    try:
        return render()
    except DeclarationError as error:
        return _Unusable(error)


class _Unusable:
    """A variable that this trigger's template cannot use."""

    def __init__(self, error: DeclarationError):
        vars(self)["_error"] = error

    def __str__(self) -> str:
        raise vars(self)["_error"]

    def __getattr__(self, name: str) -> Any:
        raise vars(self)["_error"]

    def __add__(self, other: object) -> Any:
        raise vars(self)["_error"]

    __radd__ = __add__
