"""The exceptions of broken rules, and the DETAIL from which they are made.

A rule raises SQLSTATE 23000 with a DETAIL in JSON.

https://www.postgresql.org/docs/current/plpgsql-errors-and-messages.html
"""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, TypeVar

import psycopg
from django.apps import apps
from django.db import IntegrityError, InternalError, ProgrammingError
from django.db.models import Model
from psycopg import sql

SQLSTATE = "23000"
RAISED_SQLSTATE = "P0001"

# Functions that are called with every refusal in this process: a test report adds one.
observers: list[Callable[["TriggerError"], None]] = []


class DeclarationError(ValueError):
    """The declaration of a trigger is invalid; says what was declared, why, and what to write."""


Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Detail(Generic[Value]):
    """The keys of a rule's DETAIL, such as ``{"rule": "protect", "uri": "shop.Order:keep"}``.

    Each value is SQL in a function, and a JSON value in an error.
    """

    # Every rule
    rule: Value | None = None
    uri: Value | None = None
    operation: Value | None = None
    key: Value | None = None
    # FSM, and the rules that are about one foreign key
    field: Value | None = None
    # ReadOnly
    fields: Value | None = None
    # FSM
    old: Value | None = None
    new: Value | None = None
    # Version
    version: Value | None = None
    based_on: Value | None = None
    # AtMost
    limit: Value | None = None
    parent: Value | None = None
    # ActiveParent: the table whose rows refer to the row
    referring: Value | None = None

    def to_sql(self: "Detail[sql.Composable]") -> sql.Composable:
        """Return the SQL of the object as text, with the keys that have a value."""
        values = {name: getattr(self, name) for name in NAMES}
        arguments = sql.SQL(", ").join(
            sql.SQL("{}, {}").format(sql.Literal(name), value)
            for name, value in values.items()
            if value is not None
        )
        return sql.SQL("pg_catalog.json_build_object({})::pg_catalog.text").format(arguments)


NAMES = [field.name for field in fields(Detail)]


def parse(text: str | None) -> dict[str, Any] | None:
    """Return the JSON object in the text, or None if no rule has written the text."""
    try:
        parsed = json.loads(text or "")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) and "uri" in parsed else None


def from_json(parsed: Mapping[str, Any]) -> Detail[Any]:
    """Return the values of a parsed object, without keys that are not listed above."""
    return Detail(**{name: parsed[name] for name in NAMES if name in parsed})


@dataclass(frozen=True)
class Declared:
    """The message, field and code that a rule declares. The message may be a lazy translation."""

    message: Any = None
    field: str = ""
    code: str = ""


class TriggerError(IntegrityError, InternalError):
    """A rule refused a write.

    It is an IntegrityError, and also an InternalError because documented code catches that. The
    driver's error, with all fields that PostgreSQL reported, is ``__cause__``.

    ``message``, ``field`` and ``code`` are those of the declaration: the message in the language of
    the reader, or None without a declared message.
    """

    rule: ClassVar[str] = ""
    _by_rule: ClassVar[dict[str, type["TriggerError"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.rule:
            TriggerError._by_rule[cls.rule] = cls

    def __init__(
        self,
        *args: object,
        table: str = "",
        detail: dict[str, Any] | None = None,
        declared: Callable[[str], Declared | None] = lambda uri: None,
    ):
        super().__init__(*args)
        self.table = table
        self.detail = detail or {}
        self._detail = from_json(self.detail)
        self._declared = declared

    @functools.cached_property
    def declared(self) -> Declared:
        """The declared message, field and code. Read late: most errors are not shown."""
        return self._declared(self.uri) or Declared()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.table, self.detail, self.declared)

    @property
    def message(self) -> str | None:
        """The message of the declaration, translated now; None without a declared message."""
        return None if self.declared.message is None else str(self.declared.message)

    @property
    def field(self) -> str:
        """The field that was refused, or empty if the refusal is not about one."""
        return self.declared.field or str(self._detail.field or "")

    @property
    def fields(self) -> list[str]:
        """All fields that were refused."""
        return [self.field] if self.field else list(self._detail.fields or [])

    @property
    def code(self) -> str:
        """The code of the declaration, or the kind of the rule: ``protect``, ``read_only`` …"""
        return self.declared.code or str(self._detail.rule or "")

    @property
    def uri(self) -> str:
        """``app_label.ModelName:trigger_name``."""
        return str(self._detail.uri or "")

    @property
    def trigger(self) -> str:
        """The trigger's declared name."""
        return self.uri.rpartition(":")[2]

    @property
    def model(self) -> type[Model] | None:
        """The model that declares the rule, or None if this project does not have that model."""
        try:
            return apps.get_model(self.uri.rpartition(":")[0])
        except (LookupError, ValueError):
            return None

    @property
    def operation(self) -> str:
        """``INSERT``, ``UPDATE``, ``DELETE`` or ``TRUNCATE``."""
        return str(self._detail.operation or "")

    @property
    def key(self) -> dict[str, Any] | None:
        """The refused row's primary key by field name; None if the error does not name a row."""
        return self._detail.key


class ProtectedError(TriggerError):
    """``pgtrigger.Protect`` refused an operation, or ``ActiveParent`` a soft deletion."""

    rule = "protect"


class ReadOnlyError(TriggerError):
    """``pgtrigger.ReadOnly`` refused a change of a field."""

    rule = "read_only"

    @property
    def fields(self) -> list[str]:
        """The read-only fields that the write would have changed."""
        return list(self._detail.fields or [])

    @property
    def field(self) -> str:
        """The declared field, or the first that the write would have changed."""
        return super().field or next(iter(self.fields), "")


class InvalidTransitionError(TriggerError):
    """``pgtrigger.FSM`` refused a transition."""

    rule = "transition"

    @property
    def old(self) -> Any:
        """The state before the transition, as JSON has it."""
        return self._detail.old

    @property
    def new(self) -> Any:
        """The state after the transition, as JSON has it."""
        return self._detail.new


class StaleError(TriggerError):
    """``pgtrigger.Version`` refused to save an object that was read before another change."""

    rule = "version"

    @property
    def version(self) -> int:
        """The version of the row in the database."""
        return int(self._detail.version or 0)

    @property
    def based_on(self) -> int | None:
        """The version that the object was read with."""
        return self._detail.based_on


class LimitError(TriggerError):
    """``pgtrigger.AtMost`` refused a row: the limit is ``detail["limit"]``."""

    rule = "at_most"


class CycleError(TriggerError):
    """``pgtrigger.NoCycle`` refused a row that would be its own ancestor."""

    rule = "no_cycle"


class RequirementError(TriggerError):
    """``Requires`` or ``ActiveParent`` refused a write because of the row that it refers to."""

    rule = "requires"


class RaisedError(InternalError, ProgrammingError):
    """A plain ``RAISE EXCEPTION`` (SQLSTATE P0001), such as one in a trigger's own ``func``.

    It is an InternalError, and also a ProgrammingError, because Django raises that by itself.
    """

    @property
    def message(self) -> str:
        """The text of the RAISE."""
        return str(self).partition("\n")[0]

    @property
    def functions(self) -> str:
        """The call stack of PL/pgSQL, the innermost function first; empty if it is not known."""
        diagnosis = getattr(self.__cause__, "diag", None)
        return str(getattr(diagnosis, "context", None) or "")


def translate(
    error: psycopg.Error, declared: Callable[[str], Declared | None] = lambda uri: None
) -> Exception | None:
    """Return the exception to raise in place of the driver's, or None to leave it to Django.

    ``declared`` returns what the rule of a URI declares.
    """
    if error.sqlstate == RAISED_SQLSTATE:
        return RaisedError(*error.args)
    if error.sqlstate != SQLSTATE:
        return None
    detail = parse(error.diag.message_detail)
    if detail is None:
        return None
    error_class = TriggerError._by_rule.get(str(detail.get("rule")), TriggerError)
    translated = error_class(
        *error.args,
        table=error.diag.table_name or "",
        detail=detail,
        declared=declared,
    )
    for observe in observers:
        observe(translated)
    return translated


def _restore(
    error_class: type[TriggerError],
    args: tuple[object, ...],
    table: str,
    detail: dict[str, Any],
    declared: Declared,
) -> TriggerError:
    return error_class(*args, table=table, detail=detail, declared=lambda uri: declared)
