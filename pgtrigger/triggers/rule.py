"""``Rule``: a trigger that refuses writes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack, cast

from django.utils import translation
from django.utils.functional import Promise
from psycopg import sql

from pgtrigger.sql.function_body import Body
from pgtrigger.triggers import pairing, raising, reporting, standing
from pgtrigger.triggers.composer import Composer
from pgtrigger.triggers.declaration import own_path
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import own_field
from pgtrigger.vocabulary.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import Model
    from django.utils.functional import _StrOrPromise

    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.declaration import Options
    from pgtrigger.triggers.raising import Refusal
    from pgtrigger.triggers.standing import Standing

    class RuleOptions(Options, total=False):
        """Every trigger's options, and those of a rule; see ``Rule``."""

        message: _StrOrPromise | None
        field: str | None
        code: str | None
        mode: str | None


class Rule(Composer):
    """A trigger that raises the error of ``refusal()`` for rows that meet the condition.

    At statement level it fires AFTER the statement and looks at the rows it wrote, so a statement
    that writes none is never refused.

    ``message``
        What is wrong, for the person who wrote. PostgreSQL has it without translation; in Python
        a lazy translation is in the reader's language.
    ``field``
        The field that the message belongs to, if it is not the one that the rule finds.
    ``code``
        A short name for programs, such as the ``code`` of a ValidationError.
    ``mode``
        ``"refuse"``, or ``"report"``: the write passes, and what would be refused is recorded in
        ``pgtrigger.models.Violation``, in the same transaction.
    """

    when = clauses.Before
    message: _StrOrPromise | None = None
    field: str | None = None
    code: str | None = None
    mode: str = reporting.REFUSE

    def __init__(
        self,
        *,
        message: _StrOrPromise | None = None,
        field: str | None = None,
        code: str | None = None,
        mode: str | None = None,
        **options: Unpack[Options],
    ):
        self._set(message=message, field=field, code=code, mode=mode)
        statement = (options.get("level") or self.level) == clauses.Statement
        if statement and options.get("when") is None:
            options["when"] = clauses.After
        super().__init__(**options)
        if self.mode not in reporting.MODES:
            self._reject(f'the mode is {self.mode!r}, expected "refuse" or "report"')
        self._validate_words()
        if self.is_decided_by_condition():
            for option in ("declare", "writes"):
                if getattr(self, option):
                    self._reject(f'takes no "{option}" without "func": its function is generated')
        if self.reports and self.func is not None:
            self._reject('has a "func", which decides what it raises: mode="report" needs none')

    @property
    def reports(self) -> bool:
        """Return whether it records what it would refuse, and lets the write pass."""
        return self.mode == reporting.REPORT

    def fires_for_fixture(
        self, model: type[Model], contains: Callable[[type[Model]], bool]
    ) -> bool:
        """Return False: the rows of a fixture have been accepted before."""
        return False

    def refusal(self, model: type[Model]) -> Refusal:
        """Return the error to raise."""
        raise NotImplementedError

    def is_decided_by_condition(self) -> bool:
        """Return whether it refuses wherever its condition is true, and looks at nothing else."""
        return self.func is None and type(self).get_func is Rule.get_func

    def standing(self, model: type[Model]) -> Standing | None:
        """Return which stored rows break the rule, or are kept by it; None if that is not known."""
        if not self.is_decided_by_condition() or self.operation is None:
            return None
        return standing.of_condition(model, self.operation, self.get_condition(model))

    def get_security(self, model: type[Model]) -> str:
        """Return DEFINER in report mode: a role that may write the table may not write records."""
        return super().get_security(model) or ("DEFINER" if self.reports else "")

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        declared = super().get_declare(model)
        if self.reports:
            return declared
        referencing = self.get_referencing(model) if model else self.referencing
        if self.level == clauses.Statement and referencing:
            return [*declared, (raising.REFUSAL, "pg_catalog.record")]
        return declared

    def get_settings(self, model: type[Model]) -> dict[str, str]:
        """See Note [Statement plans]."""
        has_transition_tables = self.level == clauses.Statement and self.get_referencing(model)
        return pairing.PLAN_SETTINGS if has_transition_tables else {}

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """The generated search reads transition tables and writes nothing, so it has a path.

        See Note [Names in functions].
        """
        is_generated = self.func is None and isinstance(func, Body)
        if self.search_path or not is_generated:
            return super().get_search_path(model, func)
        return own_path(model, self.get_condition(model))

    def get_func(self, model: type[Model] | None) -> Any:
        if self.func is not None:
            return super().get_func(model)
        if model is None:
            return ""
        assert self.operation is not None
        if self.level == clauses.Row:
            return self._ending(self._raise_for_row(model), reporting.PASS)
        refusal = self.declared_refusal(model)
        condition = self.get_condition(model)
        operation = self._one_operation()
        referencing = self.get_referencing(model)
        if operation is None or referencing is None:
            if condition is not None and condition.sides(model):
                self._reject(
                    "a condition on rows needs level=pgtrigger.Row, or, at statement level, "
                    "when=pgtrigger.After and exactly one of Insert, Update and Delete"
                )
            return self._ending(raising.raise_for_statement(refusal, model), "\nRETURN NULL;")
        sides = raising.sides_to_search(referencing.sides, condition, model)
        return raising.raise_for_transition_rows(
            refusal, model, operation, condition, self._rows(model, sides), sides
        )

    def _validate_words(self) -> None:
        message, code = cast("Any", self.message), cast("Any", self.code)
        if message is not None and not isinstance(message, str | Promise):
            self._reject(f'"message" is a text, or a lazy translation of one: found {message!r}')
        if code is not None and (not isinstance(code, str) or not code):
            self._reject(f'"code" is a short name for programs, such as "issued": found {code!r}')

    def _ending(self, statements: sql.Composable | Body, end: str) -> str | Body:
        """Return the function: an error ends it, but after a record it continues with ``end``."""
        if isinstance(statements, Body):
            return Body(statements, end)
        return statements.as_string()

    def declared_refusal(self, model: type[Model]) -> Refusal:
        """Return the error to raise, with the declaration's own message and field if it has any."""
        refusal = self.refusal(model)
        if self.message is not None:
            text = sql.Literal(untranslated(self.message))
            refusal = replace(refusal, message=lambda rows: text)
        if self.field is not None:
            column = sql.Literal(own_field(model, self.field).column)
            refusal = replace(refusal, column=lambda rows: column)
        return replace(refusal, reports=self.reports)

    def _raise_for_row(self, model: type[Model]) -> sql.Composable | Body:
        """Return the statements that raise the declared error for the row, or record it."""
        operations = self.operation or clauses.Update
        return raising.raise_for_row(self.declared_refusal(model), model, operations)

    def _options_of_parts(self) -> dict[str, Any]:
        """Return the options that the triggers of one rule share."""
        shared = ("message", "code", "mode", "ignorable", "security")
        return {name: getattr(self, name) for name in shared}

    def _refused_operation(self, model: type[Model]) -> str:
        operations = " or ".join(self.operation.names if self.operation else ()).lower()
        return f"pgtrigger: Cannot {operations} rows from {model._meta.db_table} table"

    def _if_condition(self, model: type[Model]) -> str:
        """Return `` if`` and the condition in words; "" without a condition."""
        return f" if {sentence(self.condition, model)}" if self.condition is not None else ""


def untranslated(text: _StrOrPromise) -> str:
    """Return the text as it is in the source, so that it does not depend on the language.

    https://docs.djangoproject.com/en/stable/ref/utils/#django.utils.translation.override
    """
    if not isinstance(text, Promise):
        return text
    with translation.override(None):
        return str(text)
