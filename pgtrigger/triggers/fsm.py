"""``FSM``: the transitions that a field may make."""

from __future__ import annotations

import enum
import itertools
from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger.errors import Detail, InvalidTransitionError
from pgtrigger.triggers.forecast import NOTHING, Forecast, holds
from pgtrigger.triggers.raising import Refusal
from pgtrigger.triggers.rule import Rule
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import NEW, OLD, own_field, postgres_connection
from pgtrigger.vocabulary.comparison import has_equality
from pgtrigger.vocabulary.conditions import AnyChange, Condition, NotTrue, Q

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.rule import RuleOptions
    from pgtrigger.triggers.trigger import Trigger


ANY_STATE = "*"


class FSM(Rule):
    """Refuse every change of ``field`` that ``transitions`` does not list.

    A transition is ``(from, to)``; a state is any value of the field, None for NULL, or ``"*"``
    for any. An update that does not change the field is not a transition. With ``initial``, a new
    row must have one of these states. As in the PyPI package, no state may contain ``separator``.
    """

    operation = clauses.Update
    transitions: Sequence[tuple[Any, Any]] | None = None
    separator: str = ":"
    initial: Sequence[Any] | None = None

    def __init__(
        self,
        *,
        transitions: Sequence[tuple[Any, Any]] | None = None,
        separator: str | None = None,
        initial: Sequence[Any] | None = None,
        **options: Unpack[RuleOptions],
    ):
        self._set(transitions=transitions, separator=separator, initial=initial)
        super().__init__(**options)
        if not self.field:
            self._reject('has no "field"')
        if not self.transitions:
            self._reject('has no "transitions": give a list of (from, to)')
        for transition in self.transitions or ():
            if isinstance(transition, str) or len(tuple(transition)) != 2:
                self._reject(f"the transition {transition!r} is not a pair (from, to)")
            for state in transition:
                if isinstance(state, str) and self.separator in state:
                    self._reject(
                        f'the state {state!r} contains separator "{self.separator}". '
                        'Give a "separator" that no state contains'
                    )

        if isinstance(self.initial, str) or (self.initial is not None and not self.initial):
            self._reject(f'"initial" is {self.initial!r}: give a list of states')
        if ANY_STATE in (self.initial or ()):
            self._reject('"initial" contains "*": leave it out if a row may begin in any state')

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        if self.initial is None:
            return ()
        if self.condition is not None and OLD in self.condition.sides(model):
            self._reject(
                '"initial" is about new rows, and its condition reads the old row: '
                "declare the initial states in a separate FSM"
            )
        return [
            InitialState(
                name=f"{self.name}_initial",
                field=self.field,
                states=self.initial,
                condition=self.condition,
                level=self.level,
                when=self.when,
                timing=self.timing,
                search_path=self.search_path,
                **self._options_of_parts(),
            )
        ]

    def get_condition(self, model: type[Model]) -> Condition:
        field = self._state_field(model)
        refused: Condition = AnyChange(field.name)
        listed = self._listed(field)
        if listed is not None:
            refused = refused & NotTrue(listed)
        return refused & self.condition if self.condition is not None else refused

    def describe(self, model: type[Model]) -> str:
        listed = "; ".join(f"{_shown(old)} to {_shown(new)}" for old, new in self.transitions or ())
        return f"Lets {self.field} change only so{self._if_condition(model)}: {listed}."

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        field = self._state_field(model)
        condition = [self.condition] if self.condition is not None else []
        if row is None or row.pk is None or not holds(model, condition, row):
            return NOTHING
        # The stored state, which the instance may have changed already.
        state = model._base_manager.using(row._state.db).values_list(field.attname, flat=True)
        present = state.filter(pk=row.pk).first()
        pairs = [(_state(field, old), _state(field, new)) for old, new in self.transitions or ()]
        reached = [new for old, new in pairs if old in (present, ANY_STATE)]
        if ANY_STATE in reached:
            return NOTHING
        return Forecast(states={field.name: [present, *reached]})

    def refusal(self, model: type[Model]) -> Refusal:
        field = self._state_field(model)
        table = model._meta.db_table
        listed = "; ".join(f"{_shown(old)} to {_shown(new)}" for old, new in self.transitions or ())
        return Refusal(
            rule=InvalidTransitionError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"Transitions allowed{self._if_condition(model)}: {listed}.",
            message=lambda rows: sql.SQL("pg_catalog.format({}, {}, {}, {}, {})").format(
                sql.Literal(
                    'pgtrigger: Invalid transition of field "%s" from "%s" to "%s" on table %s'
                ),
                sql.Literal(field.name),
                _or_null(rows.column(OLD, field)),
                _or_null(rows.column(NEW, field)),
                sql.Literal(table),
            ),
            detail=lambda rows: Detail(
                field=sql.Literal(field.name),
                old=rows.column(OLD, field),
                new=rows.column(NEW, field),
            ),
            column=lambda rows: sql.Literal(field.column),
        )

    def _state_field(self, model: type[Model]) -> Field[Any, Any]:
        field = own_field(model, str(self.field))
        if not has_equality(field):
            self._reject(
                f"{model._meta.label}.{field.name} is of type "
                f"{field.db_type(postgres_connection())}, which has no equality "
                "in PostgreSQL, so its values cannot be states"
            )
        for state in itertools.chain(*(self.transitions or ()), self.initial or ()):
            if state not in (None, ANY_STATE):
                self._validate_value(field, _state(field, state))
        return field

    def _listed(self, field: Field[Any, Any]) -> Condition | None:
        """Return the transitions as a condition; None if every transition is listed."""
        listed = Q()
        for old, news in self._by_old_state(field):
            leaving = Q() if old == ANY_STATE else Q((f"old__{field.name}__ndf", old))
            arriving = Q()
            if ANY_STATE not in news:
                for new in news:
                    arriving |= Q((f"new__{field.name}__ndf", new))
            if not leaving and not arriving:
                return None
            listed |= leaving & arriving
        return listed

    def _by_old_state(self, field: Field[Any, Any]) -> list[tuple[Any, list[Any]]]:
        """Each state with those it may become; a state may be unhashable, as a JSON object is."""
        grouped: list[tuple[Any, list[Any]]] = []
        for pair in self.transitions or ():
            old, new = (_state(field, state) for state in pair)
            news = next((news for known, news in grouped if known == old), None)
            if news is None:
                grouped.append((old, [new]))
            else:
                news.append(new)
        return grouped


class InitialState(Rule):
    """Refuses a new row whose ``field`` is not one of ``states``: the ``initial`` of an FSM."""

    operation = clauses.Insert
    states: Sequence[Any] = ()

    def __init__(self, *, states: Sequence[Any], **options: Unpack[RuleOptions]):
        self.states = tuple(states)
        super().__init__(**options)

    def get_condition(self, model: type[Model]) -> Condition:
        field = own_field(model, str(self.field))
        listed = Q()
        for state in self.states:
            listed |= Q((f"new__{field.name}__ndf", _state(field, state)))
        refused: Condition = NotTrue(listed)
        return refused & self.condition if self.condition is not None else refused

    def describe(self, model: type[Model]) -> str:
        listed = ", ".join(map(_shown, self.states))
        return f"Lets a new row begin only in these states of {self.field}: {listed}."

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        field = own_field(model, str(self.field))
        if row is not None or self.condition is not None:
            return NOTHING
        return Forecast(states={field.name: [_state(field, state) for state in self.states]})

    def refusal(self, model: type[Model]) -> Refusal:
        field = own_field(model, str(self.field))
        listed = ", ".join(map(_shown, self.states))
        return Refusal(
            rule=InvalidTransitionError.rule,
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"A new row begins in one of these states{self._if_condition(model)}: {listed}.",
            message=lambda rows: sql.SQL("pg_catalog.format({}, {}, {}, {})").format(
                sql.Literal('pgtrigger: Invalid initial state of field %s: "%s" on table %s'),
                sql.Literal(field.name),
                _or_null(rows.column(NEW, field)),
                sql.Literal(model._meta.db_table),
            ),
            detail=lambda rows: Detail(field=sql.Literal(field.name), new=rows.column(NEW, field)),
            column=lambda rows: sql.Literal(field.column),
        )


def _state(field: Field[Any, Any], state: Any) -> Any:
    """Return the state as the field takes it: Django's own fields need the value of an Enum."""
    is_of_django = field.get_prep_value.__module__.startswith("django.")
    return state.value if isinstance(state, enum.Enum) and is_of_django else state


def _or_null(value: sql.Composable) -> sql.Composable:
    return sql.SQL("COALESCE({}::pg_catalog.text, 'NULL')").format(value)


def _shown(state: Any) -> str:
    if state is None:
        return "NULL"
    return str(getattr(state, "value", state))
