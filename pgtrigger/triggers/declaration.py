"""A trigger as it is declared, and its compilation. No database is used here."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypedDict, Unpack, cast

from django.db import models

from pgtrigger import compiler, naming
from pgtrigger.errors import DeclarationError
from pgtrigger.triggers.forecast import NOTHING
from pgtrigger.triggers.templates import AttrDict, Func
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    INVALID_VALUE,
    NEW,
    OLD,
    ROW_VARIABLES,
    foreign_type,
    is_virtual,
    own_field,
    reason_of,
)
from pgtrigger.vocabulary.conditions import Condition, Q
from pgtrigger.vocabulary.deconstruction import Deconstructible
from pgtrigger.vocabulary.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.sql import function_body
    from pgtrigger.triggers.forecast import Forecast
    from pgtrigger.triggers.trigger import Trigger


PG_TEMP = "pg_temp"


def own_path(
    model: type[Model], condition: Condition | None, *, is_raw: bool = False
) -> tuple[function_body.Place, ...]:
    """The search_path of a generated function: see Note [Names in functions].

    It has pg_catalog and the schemas of the other types that the condition compares. If the
    function has SQL that neither Django nor this engine wrote (``is_raw``, or in the condition), it
    also has the search_path of the installation.
    """
    fields = {field for _, field in condition.columns(model)} if condition else set()
    if is_raw or any(map(is_virtual, fields)) or (condition and condition.is_raw(model)):
        return "pg_catalog", compiler.InstallersPath(), PG_TEMP
    types = sorted(filter(None, map(foreign_type, fields)))
    return "pg_catalog", *map(compiler.SchemaOf, dict.fromkeys(types)), PG_TEMP


class Options(TypedDict, total=False):
    """The options of every trigger; see ``Trigger``."""

    name: str | None
    level: clauses.Level | None
    when: clauses.When | None
    operation: clauses.Operations | None
    condition: Condition | None
    referencing: clauses.Referencing | None
    func: Any
    declare: Sequence[tuple[str, str]] | None
    timing: clauses.Timing | None
    ignorable: bool | None
    security: str | None
    search_path: Sequence[str] | None
    writes: Sequence[str] | None


GENERATED = dict.fromkeys(("func", "declare", "referencing"), "its function is generated")


class Declaration(Deconstructible):
    """The options of a trigger, checked, and rendered for a model; see ``Trigger``.

    ``fixed`` has the options that a ready-made rule decides itself, each with the reason.
    """

    fixed: ClassVar[Mapping[str, str]] = {}

    name: str | None = None
    level: clauses.Level = clauses.Row
    when: clauses.When | None = None
    operation: clauses.Operations | None = None
    condition: Condition | None = None
    referencing: clauses.Referencing | None = None
    func: Any = None
    declare: Sequence[tuple[str, str]] | None = None
    timing: clauses.Timing | None = None
    ignorable: bool = True
    security: str | None = None
    search_path: Sequence[str] | None = None
    writes: Sequence[str] | None = None

    def __init__(self, **options: Unpack[Options]):
        unknown = set(options) - Options.__annotations__.keys()
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no option {', '.join(sorted(unknown))}. "
                f"It has: {', '.join(self._accepted())}."
            )
        self._set(**options)
        self._reject_fixed(cast("Mapping[str, Any]", options))
        self.validate_name()
        self.validate_clauses()

    @classmethod
    def _accepted(cls) -> list[str]:
        """Return the names of the options that are given by name, without those of ``fixed``."""
        names: dict[str, None] = {}
        decided: set[str] = set()
        for owner in cls.__mro__:
            decided |= vars(owner).get("fixed", {}).keys()
            if "__init__" in vars(owner):
                parameters = inspect.signature(vars(owner)["__init__"]).parameters.values()
                names |= {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
        return [name for name in names | Options.__annotations__ if name not in decided]

    def _set(self, **options: Any) -> None:
        """Set the options that are given; others stay as the class has them.

        An iterator becomes a tuple, because options are read repeatedly.
        """
        for option, value in options.items():
            if value is not None:
                setattr(self, option, tuple(value) if isinstance(value, Iterator) else value)

    def _reject_fixed(self, options: Mapping[str, Any]) -> None:
        """Raise DeclarationError if an argument or a subclass changes an option of ``fixed``.

        An ``operation`` is rejected even if it is that of the class: a rule may consist of several
        triggers, and the class has the operation of the first one.
        """
        classes = type(self).__mro__
        for position, owner in enumerate(classes):
            given = [options, *map(vars, classes[:position])]
            for option, reason in vars(owner).get("fixed", {}).items():
                found = [each.get(option) for each in given]
                usual = getattr(owner, option, None)
                is_given = option == "operation" and options.get(option) is not None
                if is_given or any(value is not None and value != usual for value in found):
                    self._reject(f'takes no "{option}": {reason}')

    def _part(self, suffix: str, operation: clauses.Operations) -> Self:
        """Return the rule's trigger for another operation: a copy with a longer name."""
        part = copy.copy(self)
        part.name, part.operation = f"{self.name}{suffix}", operation
        part.validate_name()
        return part

    def __str__(self) -> str:
        return str(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # What is declared

    def validate_name(self) -> None:
        """Raise ValueError if the name is missing or malformed."""
        naming.validate_trigger_name(self.name)

    def validate_clauses(self) -> None:
        """Raise DeclarationError for clauses that CREATE TRIGGER would reject."""
        for attribute, expected in _EXPECTED.items():
            value = getattr(self, attribute)
            if not isinstance(value, expected):
                self._reject(
                    f'Invalid "{attribute}": found {value!r}, expected {_NAMES[attribute]}'
                )
        self._validate_condition()
        operations, row_level = self.operation, self.level == clauses.Row
        assert operations is not None
        if clauses.Truncate in operations and row_level:
            self._reject("Truncate has no rows: it needs level=pgtrigger.Statement")
        if self.when == clauses.InsteadOf and not row_level:
            self._reject("InsteadOf needs level=pgtrigger.Row")
        if self.timing and not (row_level and self.when == clauses.After):
            self._reject("a deferrable trigger needs when=pgtrigger.After and level=pgtrigger.Row")
        if self.security and str(self.security).upper() not in ("DEFINER", "INVOKER"):
            self._reject(
                f'Invalid "security": found {self.security!r}, expected "DEFINER" or "INVOKER"'
            )
        if isinstance(self.search_path, str):
            self._reject(
                f'Invalid "search_path": found {self.search_path!r}, expected a list of schemas'
            )
        self._validate_referencing(operations)

    def _validate_condition(self) -> None:
        condition: Any = self.condition
        if condition is None or isinstance(condition, Condition):
            return
        if isinstance(condition, models.Q):
            self._reject(
                f'Invalid "condition": found {condition!r}, which is Django\'s Q. Use pgtrigger.Q, '
                "which names the row before or after the write, such as "
                'pgtrigger.Q(old__status="paid")'
            )
        self._reject(
            f'Invalid "condition": found {condition!r}, expected pgtrigger.Q or another condition '
            "of pgtrigger, such as pgtrigger.Condition with SQL"
        )

    def _validate_row_condition(self, option: str, condition: Any, example: str) -> None:
        """Raise DeclarationError unless it is Django's Q, which names the fields of one row."""
        if isinstance(condition, Q):
            self._reject(
                f'"{option}" is Django\'s Q, which names the fields of one row, such as {example}: '
                f"found {condition!r}, which is pgtrigger.Q"
            )
        if not isinstance(condition, models.Q) or not condition:
            self._reject(f'"{option}" is a condition such as {example}: found {condition!r}')

    def _validate_field_name(self, option: str, name: Any) -> None:
        if not isinstance(name, str) or not name:
            self._reject(f'"{option}" is the name of a field: found {name!r}')

    def _validate_field_names(self, option: str, names: Any) -> None:
        if isinstance(names, str):
            self._reject(f'"{option}" is a list of fields: found {names!r}')

    def _validate_value(self, field: Field[Any, Any], value: Any) -> None:
        """Raise DeclarationError if the column cannot have the value.

        https://docs.djangoproject.com/en/stable/ref/models/fields/#django.db.models.Field.get_prep_value
        """
        try:
            field.get_prep_value(value)
        except INVALID_VALUE as error:
            self._reject(f"{field} cannot have the value {value!r}: {reason_of(error)}")

    def _validate_referencing(self, operations: clauses.Operations) -> None:
        if not self.referencing:
            return
        if self.when != clauses.After:
            self._reject("transition tables need when=pgtrigger.After")
        if len(list(operations)) > 1 or clauses.Truncate in operations:
            self._reject("transition tables need exactly one of Insert, Update and Delete")
        if any(isinstance(operation, clauses.UpdateOf) for operation in operations):
            self._reject("transition tables cannot be combined with UpdateOf: use Update")
        if self.referencing.old and clauses.Insert in operations:
            self._reject("an INSERT has no old rows to reference")
        if self.referencing.new and clauses.Delete in operations:
            self._reject("a DELETE has no new rows to reference")

    def validate_writes(self, model: type[Model]) -> None:
        """Raise DeclarationError if ``writes`` names what is not a field of the model's table."""
        if isinstance(self.writes, str):
            self._reject(f'Invalid "writes": found {self.writes!r}, expected a list of fields')
        for name in self.writes or ():
            own_field(model, name)

    def _reject(self, reason: str) -> None:
        name = "" if self.name is None else f" {self.name!r}"
        raise DeclarationError(f"{type(self).__name__}{name}: {reason}.")

    # Names

    def get_uri(self, model: type[Model]) -> str:
        """``app_label.ModelName:trigger_name``."""
        return f"{model._meta.app_label}.{model._meta.object_name}:{self.name}"

    def get_pgid(self, model: type[Model]) -> str:
        """The trigger's name in the database."""
        return naming.trigger_identifier(str(self.name), self.get_uri(model))

    # Parts, each of which a subclass may override

    def get_condition(self, model: type[Model]) -> Condition | None:
        return self.condition

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        return self.declare or ()

    def get_func(self, model: type[Model] | None) -> str | Func | compiler.Body:
        if self.func is None:
            self._reject('has no "func": give one, or override get_func()')
        return self.func  # type: ignore[no-any-return]

    def get_referencing(self, model: type[Model]) -> clauses.Referencing | None:
        return self.referencing

    def get_settings(self, model: type[Model]) -> dict[str, str]:
        """PostgreSQL settings that apply while the function runs."""
        return {}

    def get_security(self, model: type[Model]) -> str:
        """``"DEFINER"``, ``"INVOKER"`` or nothing."""
        return (self.security or "").upper()

    def get_search_path(
        self, model: type[Model], func: str | compiler.Body
    ) -> Sequence[function_body.Place]:
        """Return the search_path of the function; if empty, the function runs with the caller's.

        A SECURITY DEFINER function always has one. By default it is the search_path of the
        installation, so that names keep their meaning. See Note [Names in functions].
        """
        if self.get_security(model) != "DEFINER":
            return tuple(self.search_path or ())
        declared = self.search_path or ("pg_catalog", compiler.InstallersPath())
        return (*(each for each in declared if each != PG_TEMP), PG_TEMP)

    def _pinned(
        self, model: type[Model], func: str | compiler.Body
    ) -> tuple[function_body.Place, ...]:
        """Return the search_path, which a rule cannot leave out of a SECURITY DEFINER function."""
        path = tuple(self.get_search_path(model, func))
        if self.get_security(model) == "DEFINER" and path[-1:] != (PG_TEMP,):
            return tuple(Declaration.get_search_path(self, model, func))
        return path

    def get_func_template_kwargs(self, model: type[Model]) -> dict[str, Any]:
        """Return the names that a ``Func`` may use."""
        fields = {field.name: field for field in model._meta.fields}
        columns = {name: field.column for name, field in fields.items()}
        return {
            "meta": model._meta,
            "fields": AttrDict(fields),
            "columns": AttrDict(columns),
        }

    def forecast(self, model: type[Model], row: Model | None) -> Forecast:
        """Return which writes of this stored row will be refused.

        Without a row: the writes that are refused for every row, and the states of a new row.
        """
        return NOTHING

    def describe(self, model: type[Model]) -> str:
        """Return what the trigger does, as a sentence."""
        operations = " or ".join(self.operation.names if self.operation else ())
        condition = self.get_condition(model)
        when = f" if {sentence(condition, model)}" if condition is not None else ""
        return f"Runs its function {str(self.when).lower()} {operations}{when}."

    def maintains(self, model: type[Model]) -> tuple[type[Model], str] | None:
        """Return the model and the field of other rows that the trigger keeps up to date."""
        return None

    def companions(self, model: type[Model]) -> Sequence[Trigger]:
        """Return further triggers that the rule needs, each with its own name.

        They are registered, installed, ignored and removed together with this one.
        """
        return ()

    def companions_elsewhere(self, model: type[Model]) -> Sequence[tuple[type[Model], Trigger]]:
        """Return further triggers that the rule needs on other models, each with its model."""
        return ()

    def applies_condition(self, model: type[Model]) -> bool:
        """Return whether the function of a statement applies the condition to the rows itself."""
        return False

    # Rendering

    def render_condition(self, model: type[Model]) -> str:
        """``WHEN (…)``, or nothing."""
        condition = self.get_condition(model)
        if condition is None or (self.level != clauses.Row and self.applies_condition(model)):
            return ""
        operations = self.operation
        assert operations is not None
        columns = condition.columns(model)
        sides = {side for side, _ in columns}
        if OLD in sides and clauses.Insert in operations:
            self._reject("its condition reads the old row, which an INSERT does not have")
        if NEW in sides and clauses.Delete in operations:
            self._reject("its condition reads the new row, which a DELETE does not have")
        if sides and self.level != clauses.Row:
            self._reject("its condition reads rows, which a statement-level trigger does not have")
        for side, field in columns:
            is_stored = getattr(field, "generated", False) and not is_virtual(field)
            if side == NEW and self.when == clauses.Before and is_stored:
                self._reject(
                    f'its condition reads the new value of the generated column "{field.name}", '
                    "which there is only after the write: use when=pgtrigger.After"
                )
        return f"WHEN ({condition.render(model, ROW_VARIABLES)})"

    def render_declare(self, model: type[Model] | None) -> str:
        """``DECLARE name type; …``, or nothing."""
        declared = self.get_declare(model)
        if not declared:
            return ""
        return "DECLARE " + " ".join(f"{name} {type_};" for name, type_ in declared)

    def render_func(self, model: type[Model]) -> str | compiler.Body:
        """The statements of the function."""
        func = self.get_func(model)
        if isinstance(func, Func):
            return self._render_template(func, model)
        return func

    def _render_template(self, func: Func, model: type[Model]) -> str:
        try:
            return func.render(**self.get_func_template_kwargs(model))
        except DeclarationError:
            raise
        except (LookupError, AttributeError, ValueError) as error:
            raise DeclarationError(
                f"{type(self).__name__} {self.get_uri(model)}: its func is a template that cannot "
                f"be filled in: {error}. Write a literal brace twice, as {{{{ or }}}}."
            ) from error

    def render_execute(self, model: type[Model]) -> str:
        """Return the call of a function, such as ``suppress_redundant_updates_trigger()``.

        Empty by default: the trigger calls the function that is made of ``func``. A function with
        the name that ``get_pgid()`` returns is made of ``func`` too; any other must exist. The
        whole clause, ``EXECUTE FUNCTION …``, may be returned as well.

        https://www.postgresql.org/docs/current/sql-createtrigger.html
        """
        return ""

    def compile(self, model: type[Model]) -> compiler.Trigger:
        """Return the model's trigger as SQL. Raise ValueError if it does not fit the model."""
        self.validate_name()
        self.validate_clauses()
        self.validate_writes(model)
        if self.when == clauses.InsteadOf and model._meta.managed:
            self._reject(
                f"InsteadOf is for views, and {model._meta.label} is a table that Django makes. "
                "A model of a view has managed = False"
            )
        assert self.operation is not None
        execute = self.render_execute(model)
        makes_function = not execute or compiler.calls(execute, self.get_pgid(model))
        timing = f"DEFERRABLE INITIALLY {self.timing}" if self.timing else ""
        try:
            func = self.render_func(model) if makes_function else ""
            return compiler.Trigger(
                name=str(self.name),
                sql=compiler.UpsertTriggerSql(
                    uri=self.get_uri(model),
                    pgid=self.get_pgid(model),
                    table=model._meta.db_table,
                    func=func,
                    declare=self.render_declare(model),
                    operation=self.operation.render(model),
                    when=str(self.when),
                    level=str(self.level),
                    condition=self.render_condition(model),
                    constraint="CONSTRAINT" if self.timing else "",
                    timing=timing,
                    referencing=str(self.get_referencing(model) or ""),
                    execute=execute,
                    ignorable=self.ignorable,
                    security=self.get_security(model),
                    search_path=self._pinned(model, func),
                    settings=tuple(sorted(self.get_settings(model).items())),
                ),
            )
        except DeclarationError as error:
            error.add_note(f"in trigger {self.get_uri(model)}")
            raise


_EXPECTED: dict[str, type] = {
    "level": clauses.Level,
    "when": clauses.When,
    "operation": clauses.Operations,
    "timing": (clauses.Timing, type(None)),  # type: ignore[dict-item]
    "referencing": (clauses.Referencing, type(None)),  # type: ignore[dict-item]
}

_NAMES = {
    "level": "pgtrigger.Row or pgtrigger.Statement",
    "when": "pgtrigger.Before, pgtrigger.After or pgtrigger.InsteadOf",
    "operation": "pgtrigger.Insert, Update, Delete, Truncate or UpdateOf(…), combined with |",
    "timing": "pgtrigger.Immediate or pgtrigger.Deferred",
    "referencing": "pgtrigger.Referencing(old=…, new=…)",
}
