"""Ready-made triggers: Composer, Protect, ReadOnly, FSM, SoftDelete, UpdateSearchVector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from psycopg import sql

from pgtrigger import clauses, naming, refusals
from pgtrigger.compiler import Body, Relation
from pgtrigger.conditions import (
    NEW,
    OLD,
    ROW_VARIABLES,
    TRANSITION_TABLES,
    AnyChange,
    Condition,
    NotTrue,
    Q,
    RowQuery,
    Rows,
    column_identifier,
    columns_of,
    own_field,
    postgres_connection,
)
from pgtrigger.refusals import Refusal
from pgtrigger.triggers import Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers import Options

ANY_STATE = "*"
UNSET: Any = object()


class Composer(Trigger):
    """A trigger whose function can be written once for rows and once for statements.

    ``func`` may be ``{pgtrigger.Row: …, pgtrigger.Statement: …}``. An AFTER trigger at statement
    level has the transition tables ``old_values`` and ``new_values`` unless ``referencing`` names
    others, and a ``Func`` of it may select ``FROM {cond_old_values}``, ``FROM {cond_new_values}``
    and ``FROM {cond_joined_values}``: the rows for which the condition is true, the last one both
    tables joined on the primary key.
    """

    def get_referencing(self, model: type[Model] | None) -> clauses.Referencing | None:
        operation = self._one_operation()
        if self.referencing or not operation or not self._sees_transition_tables():
            return self.referencing
        sides = refusals.sides_of(operation)
        return clauses.Referencing(
            old=TRANSITION_TABLES.old if OLD in sides else None,
            new=TRANSITION_TABLES.new if NEW in sides else None,
        )

    def get_func(self, model: type[Model] | None) -> Any:
        func = super().get_func(model)
        if not isinstance(func, dict):
            return func
        if self.level not in func:
            self._refuse(f"its func has no entry for level {self.level}")
        return func[self.level]

    def get_func_template_kwargs(self, model: type[Model]) -> dict[str, Any]:
        kwargs = super().get_func_template_kwargs(model)
        if self.level == clauses.Statement:
            kwargs["cond_old_values"] = _Lazily(lambda: self._where(model, OLD))
            kwargs["cond_new_values"] = _Lazily(lambda: self._where(model, NEW))
            kwargs["cond_joined_values"] = _Lazily(lambda: self._joined(model))
        return kwargs

    def render_condition(self, model: type[Model]) -> str:
        if self.level == clauses.Statement and self.get_referencing(model):
            return ""
        return super().render_condition(model)

    def _sees_transition_tables(self) -> bool:
        one = self._one_operation()
        return (
            self.level == clauses.Statement
            and self.when == clauses.After
            and one is not None
            and not isinstance(one, clauses.UpdateOf)
            and one != clauses.Truncate
        )

    def _one_operation(self) -> clauses.Operation | None:
        operations = list(self.operation or ())
        return operations[0] if len(operations) == 1 else None

    def _rows(self) -> Rows:
        referencing = self.referencing
        return Rows(
            (referencing and referencing.old) or TRANSITION_TABLES.old,
            (referencing and referencing.new) or TRANSITION_TABLES.new,
        )

    def _where(self, model: type[Model], side: str) -> str:
        """The rows of one transition table for which the condition is true."""
        rows = self._rows()
        table = sql.SQL(rows.alias(side))
        condition = self.get_condition(model)
        if condition is None:
            return naming.as_text(table)
        other = NEW if side == OLD else OLD
        if other in condition.sides(model):
            self._refuse(
                f"its condition references {other.upper()}, "
                f"so it cannot be used with cond_{side}_values"
            )
        return naming.as_text(
            sql.SQL("(SELECT * FROM {} WHERE {}) AS {}").format(
                table, sql.SQL(condition.render(model, rows)), table
            )
        )

    def _joined(self, model: type[Model]) -> str:
        """Both transition tables, joined on the primary key, where the condition is true."""
        rows = self._rows()
        condition = self.get_condition(model)
        on = [
            sql.SQL("{} = {}").format(rows.column(OLD, field), rows.column(NEW, field))
            for field in _key_fields(model)
        ]
        if condition is not None:
            on.append(sql.SQL("({})").format(sql.SQL(condition.render(model, rows))))
        return naming.as_text(
            sql.SQL("{} JOIN {} ON {}").format(
                sql.SQL(rows.old), sql.SQL(rows.new), sql.SQL(" AND ").join(on)
            )
        )


class Rule(Composer):
    """A trigger that refuses writes: what ``refusal()`` says, for rows where the condition holds.

    At statement level it fires AFTER the statement and looks at the rows it wrote, so a statement
    that writes none is never refused.
    """

    when = clauses.Before

    def __init__(self, **options: Unpack[Options]):
        statement = (options.get("level") or self.level) == clauses.Statement
        if statement and options.get("when") is None:
            options["when"] = clauses.After
        super().__init__(**options)

    def refusal(self, model: type[Model]) -> Refusal:
        """What is raised."""
        raise NotImplementedError

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        declared = super().get_declare(model)
        if self.level == clauses.Statement and self.get_referencing(model):
            return [*declared, (refusals.REFUSAL, "record")]
        return declared

    def get_func(self, model: type[Model] | None) -> Any:
        if self.func is not None:
            return super().get_func(model)
        if model is None:
            return ""
        assert self.operation is not None
        refusal = self.refusal(model)
        if self.level == clauses.Row:
            return naming.as_text(refusals.raise_for_row(refusal, model, self.operation))
        condition = self.get_condition(model)
        operation = self._one_operation()
        if operation is None or not self.get_referencing(model):
            if condition is not None and condition.sides(model):
                self._refuse(
                    "a condition on rows needs level=pgtrigger.Row, or, at statement level, "
                    "when=pgtrigger.After and exactly one of Insert, Update and Delete"
                )
            return naming.as_text(refusals.raise_for_statement(refusal, model))
        return refusals.raise_for_transition_rows(
            refusal, model, operation, condition, self._rows()
        )

    def _refused_operation(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ()).lower()
        return f"pgtrigger: Cannot {operations} rows from {model._meta.db_table} table"


class Protect(Rule):
    """Refuses an operation, where ``condition`` is true if there is one."""

    def refusal(self, model: type[Model]) -> Refusal:
        operations = self.operation.names if self.operation else []
        allowed = [name for name in ("INSERT", "UPDATE", "DELETE") if name not in operations]
        hint = f"The rule {self.name} refuses {' and '.join(operations)}"
        if self.condition is not None:
            hint += " of the rows that meet its condition"
        if allowed:
            hint += f"; it allows {' and '.join(allowed)}"
        return Refusal(
            rule="protect",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"{hint}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
        )


class ReadOnly(Rule):
    """Refuses an update that changes one of ``fields``, or any but those of ``exclude``."""

    operation = clauses.Update
    fields: Sequence[str] | None = None
    exclude: Sequence[str] | None = None

    def __init__(
        self,
        *,
        fields: Sequence[str] | None = None,
        exclude: Sequence[str] | None = None,
        **options: Unpack[Options],
    ):
        self._set(fields=fields, exclude=exclude)
        super().__init__(**options)
        if self.fields and self.exclude:
            self._refuse('takes "fields" or "exclude", not both')

    def get_condition(self, model: type[Model]) -> Condition:
        changed: Condition = self._change()
        return changed & self.condition if self.condition is not None else changed

    def refusal(self, model: type[Model]) -> Refusal:
        read_only = self._change().compared_fields(model) or columns_of(model)
        names = ", ".join(field.name for field in read_only)
        return Refusal(
            rule="read_only",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"These fields keep the value they were created with: {names}.",
            message=lambda rows: sql.Literal(self._refused_operation(model)),
            detail=lambda rows: [("fields", _changed_names(read_only, rows))],
            column=read_only[0].column if len(read_only) == 1 else None,
        )

    def _change(self) -> AnyChange:
        return AnyChange(*(self.fields or ()), exclude=self.exclude)


class FSM(Rule):
    """Refuses every change of ``field`` that ``transitions`` does not list.

    A transition is ``(from, to)``; a state is any value of the field, None for NULL, or ``"*"``
    for any. An update that leaves the field as it is, is no transition.
    """

    operation = clauses.Update
    field: str | None = None
    transitions: Sequence[tuple[Any, Any]] | None = None
    separator: str | None = None

    def __init__(
        self,
        *,
        field: str | None = None,
        transitions: Sequence[tuple[Any, Any]] | None = None,
        separator: str | None = None,
        **options: Unpack[Options],
    ):
        self._set(field=field, transitions=transitions, separator=separator)
        super().__init__(**options)
        if not self.field:
            self._refuse('has no "field"')
        if not self.transitions:
            self._refuse('has no "transitions": give a list of (from, to)')
        for transition in self.transitions or ():
            if isinstance(transition, str) or len(tuple(transition)) != 2:
                self._refuse(f"the transition {transition!r} is not a pair (from, to)")
            for state in transition:
                if self.separator and isinstance(state, str) and self.separator in state:
                    self._refuse(f'the state {state!r} contains separator "{self.separator}"')

    def get_condition(self, model: type[Model]) -> Condition:
        field = self._state_field(model)
        refused: Condition = AnyChange(field.name)
        listed = self._listed(field)
        if listed is not None:
            refused = refused & NotTrue(listed)
        return refused & self.condition if self.condition is not None else refused

    def refusal(self, model: type[Model]) -> Refusal:
        field = self._state_field(model)
        table = model._meta.db_table
        listed = "; ".join(f"{_shown(old)} to {_shown(new)}" for old, new in self.transitions or ())
        return Refusal(
            rule="transition",
            uri=self.get_uri(model),
            name=str(self.name),
            hint=f"Transitions allowed: {listed}.",
            message=lambda rows: sql.SQL("pg_catalog.format({}, {}, {}, {}, {})").format(
                sql.Literal(
                    'pgtrigger: Invalid transition of field %s from "%s" to "%s" on table %s'
                ),
                sql.Literal(field.name),
                _or_null(rows.column(OLD, field)),
                _or_null(rows.column(NEW, field)),
                sql.Literal(table),
            ),
            detail=lambda rows: [
                ("field", sql.Literal(field.name)),
                ("old", rows.column(OLD, field)),
                ("new", rows.column(NEW, field)),
            ],
            column=field.column,
        )

    def _state_field(self, model: type[Model]) -> Field[Any, Any]:
        field = own_field(model, str(self.field))
        db_type = str(field.db_type(postgres_connection()))
        if db_type.removesuffix("[]") in _WITHOUT_EQUALITY:
            self._refuse(
                f"{model._meta.label}.{field.name} is of type {db_type}, which has no equality "
                "in PostgreSQL, so its values cannot be states"
            )
        return field

    def _listed(self, field: Field[Any, Any]) -> Condition | None:
        """The transitions as a condition; None where every one is listed."""
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


class SoftDelete(Trigger):
    """Sets ``field`` to ``value`` where a row would be deleted, and keeps the row.

    ``value`` is any value of the field, or an expression such as ``Now()``.
    """

    when = clauses.Before
    operation = clauses.Delete
    field: str | None = None
    value: Any = False

    def __init__(self, *, field: str | None = None, value: Any = UNSET, **options: Unpack[Options]):
        self._set(field=field)
        if value is not UNSET:
            self.value = value
        super().__init__(**options)
        if not self.field:
            self._refuse('has no "field"')

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        field = own_field(model, str(self.field))
        same_row = [
            sql.SQL("{} = {}").format(column_identifier(key), ROW_VARIABLES.column(OLD, key))
            for key in _key_fields(model)
        ]
        return Body(
            "UPDATE ",
            Relation(model._meta.db_table),
            sql.SQL(" SET {} = {} WHERE {};\nRETURN NULL;").format(
                column_identifier(field),
                sql.SQL(RowQuery(model, ROW_VARIABLES).value(self.value, field)),
                sql.SQL(" AND ").join(same_row),
            ),
        )


class UpdateSearchVector(Trigger):
    """Keeps ``vector_field`` the text search vector of ``document_fields``.

    https://www.postgresql.org/docs/current/textsearch-features.html#TEXTSEARCH-UPDATE-TRIGGERS
    """

    when = clauses.Before
    operation = clauses.Insert | clauses.Update
    vector_field: str | None = None
    document_fields: Iterable[str] | None = None
    config_name: str = "pg_catalog.english"

    def __init__(
        self,
        *,
        vector_field: str | None = None,
        document_fields: Iterable[str] | None = None,
        config_name: str | None = None,
        **options: Unpack[Options],
    ):
        self._set(
            vector_field=vector_field, document_fields=document_fields, config_name=config_name
        )
        super().__init__(**options)
        if not self.vector_field:
            self._refuse('has no "vector_field"')
        if not self.document_fields:
            self._refuse('has no "document_fields"')

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        vector = own_field(model, str(self.vector_field))
        documents = [own_field(model, name) for name in self.document_fields or ()]
        changed = AnyChange(*(field.name for field in documents)).resolve(model)
        texts = [ROW_VARIABLES.column(NEW, field) for field in documents]
        return naming.as_text(
            sql.SQL(
                "IF TG_OP = 'INSERT' OR {} THEN\n"
                "    {} := pg_catalog.to_tsvector({}::pg_catalog.regconfig, "
                "pg_catalog.concat_ws(' ', {}));\n"
                "END IF;\nRETURN NEW;"
            ).format(
                sql.SQL(changed),
                ROW_VARIABLES.column(NEW, vector),
                sql.Literal(self.config_name),
                sql.SQL(", ").join(texts),
            )
        )


class _Lazily:
    """A template's variable that is rendered, and may refuse to be, only where it is used."""

    def __init__(self, render: Callable[[], str]):
        self._render = render

    def __str__(self) -> str:
        return self._render()


# https://www.postgresql.org/docs/current/datatype-json.html and its neighbours
_WITHOUT_EQUALITY = frozenset({"json", "xml", "point", "polygon"})


def _key_fields(model: type[Model]) -> list[Field[Any, Any]]:
    options = (model._meta.concrete_model or model)._meta
    return list(getattr(options, "pk_fields", None) or [options.pk])


def _changed_names(fields: Iterable[Field[Any, Any]], rows: Rows) -> sql.Composable:
    """The names of the fields that change, as an array."""
    names = [
        sql.SQL("CASE WHEN {} IS DISTINCT FROM {} THEN {} END").format(
            rows.column(OLD, field),
            rows.column(NEW, field),
            sql.Literal(field.name),
        )
        for field in fields
    ]
    return sql.SQL("pg_catalog.array_remove(ARRAY[{}]::text[], NULL)").format(
        sql.SQL(", ").join(names)
    )


def _state(field: Field[Any, Any], state: Any) -> Any:
    if state is None or (isinstance(state, str) and state == ANY_STATE):
        return state
    return field.get_prep_value(getattr(state, "value", state))


def _or_null(value: sql.Composable) -> sql.Composable:
    return sql.SQL("COALESCE({}::text, 'NULL')").format(value)


def _shown(state: Any) -> str:
    if state is None:
        return "NULL"
    return str(getattr(state, "value", state))
