"""A write that PostgreSQL refused, as a message for the user and the field that it is about.

This is the only place that maps an error to a message; forms, the admin and serializers show it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, DatabaseError, transaction
from django.db.models import BaseConstraint, Field, Model, UniqueConstraint
from django.utils.text import capfirst, get_text_list
from django.utils.translation import gettext as _
from psycopg import errors

from . import catalog
from .constraints import rehearse
from .declarations import column_of, kept, model_at, uniques


class Refused(Exception):
    """A write that the database refused.

    Attributes:
        message: a sentence for the user. It is shown at ``field``, so it may not name the field.
        code: as of a ValidationError: 'unique', 'unique_together', 'null', 'missing' if a foreign
            key refers to no row, the constraint's violation_error_code, else the SQLSTATE.
        model: the model whose table it is about, if PostgreSQL names a table of a model.
        field: the name of the field of that model, if it is about one only, or the first of them if
            a rule names several.
        fields: the names of all fields that it is about.
        key: the primary key of the refused row by attname, if a rule reports it.
        detail: PostgreSQL's DETAIL, unchanged.
        hint: PostgreSQL's HINT, unchanged.

    ``str()`` of it names the field, and can stand alone.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        model: type[Model] | None = None,
        field: str | None = None,
        fields: Sequence[str] = (),
        key: dict[str, Any] | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.model = model
        self.field = field
        self.fields = list(fields) or ([field] if field else [])
        self.key = key
        self.detail = detail
        self.hint = hint

    def is_about(self, model: type[Model]) -> bool:
        """Return whether the refusal is about the table of the model or of a parent."""
        return self.model is not None and issubclass(model, self.model)

    def __str__(self) -> str:
        if self.model is None or not self.fields:
            return self.message
        labels = [_label(self.model._meta.get_field(name)) for name in self.fields]
        return f"{get_text_list(labels, _('and'))}: {self.message}"


@contextmanager
def refusable(*, using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Write in a savepoint, and raise Refused if the database refuses the write.

    What COMMIT would refuse is refused at the end of the block.

    Raises:
        Refused: from the error of the database; the savepoint is rolled back.
    """
    try:
        with transaction.atomic(using=using):
            yield
            rehearse(using=using)
    except DatabaseError as error:
        refused = refusal(error, using=using)
        if refused is None:
            raise
        raise refused from error


def refusal(error: Exception, *, using: str = DEFAULT_DB_ALIAS) -> Refused | None:
    """Return the refusal that ``error`` reports to the writer; None if it is not about the data.

    See Note [What is a refused write].
    """
    report = catalog.reported(error)
    if report is None or not is_refused_write(report):
        return None
    table = catalog.root(report, using)
    model = model_at(*table) if table else None
    fields, declared = _subject(report, model, using)
    message, code = _explanation(report, model, fields, declared)
    field = fields[0].name if len(fields) == 1 else None
    rule = ruled(error)
    known = {field.name for field in model._meta.local_concrete_fields} if model else set()
    return Refused(
        (rule and rule.message) or message,
        code=(rule and rule.code) or code,
        model=model,
        field=field,
        fields=[name for name in rule.fields if name in known] if rule else (),
        key=rule.key if rule else None,
        detail=report.diag.message_detail,
        hint=report.diag.message_hint,
    )


# Note [What is a refused write]
# The server refuses what a user wants to write when the data breaks a rule: a constraint, the range
# of a type, a policy, or a trigger. Everything else (a lost connection, a deadlock, a statement
# that is wrong) is not caused by the data, and does not belong in a form.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
REFUSING_CLASSES = {
    "22",  # data exception: out of range, too long, not valid for its type
    "23",  # integrity constraint violation
    "27",  # triggered data change violation
    "44",  # WITH CHECK OPTION violation
    "P0",  # raised by a PL/pgSQL function
}


def is_refused_write(error: psycopg.Error) -> bool:
    """Return whether the server refused the data. See Note [What is a refused write]."""
    sqlstate = error.sqlstate or ""
    return (
        sqlstate[:2] in REFUSING_CLASSES
        or isinstance(error, errors.InsufficientPrivilege)  # a policy: CREATE POLICY … WITH CHECK
        or _is_custom(sqlstate)
    )


def _is_custom(sqlstate: str) -> bool:
    """Return whether the SQLSTATE is not one of PostgreSQL's; RAISE … USING ERRCODE accepts any."""
    try:
        errors.lookup(sqlstate)
    except KeyError:
        return True
    return False


class Ruled(Protocol):
    """The error of a rule: pgtrigger's, or one of another trigger engine with these attributes."""

    message: str | None
    code: str
    fields: list[str]
    key: dict[str, Any] | None


def ruled(error: BaseException) -> Ruled | None:
    """Return the error of a rule that ``error`` is, or was raised from.

    It is known by its attributes: a DatabaseError with ``uri``, ``message``, ``code``, ``fields``
    and ``key``.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DatabaseError) and all(hasattr(cause, name) for name in _OF_A_RULE):
            return cast("Ruled", cause)
        cause = cause.__cause__
    return None


_OF_A_RULE = ("uri", "message", "code", "fields", "key")

Fields = list["Field[Any, Any]"]


def _subject(
    report: psycopg.Error, model: type[Model] | None, using: str
) -> tuple[Fields, BaseConstraint | None]:
    """Return the fields of the report, and the constraint, if the model declares them."""
    if model is None:
        return [], None
    columns = {report.diag.column_name}
    declared = None
    unique_by_name = {name: unique for unique, name in uniques(model)}
    for broken in catalog.constraints(report, using):
        known = frozenset() if broken.has_expressions else broken.columns
        columns |= unique_by_name.get(broken.name, known)
        declared = next((c for c in model._meta.constraints if kept(c.name) == broken.name), None)
    return [f for f in model._meta.local_concrete_fields if column_of(f) in columns], declared


def _explanation(
    report: psycopg.Error,
    model: type[Model] | None,
    fields: Fields,
    declared: BaseConstraint | None,
) -> tuple[str, str]:
    """Return a message and a code: those of the model's validation, if it has them."""
    names = {
        "model_name": capfirst(model._meta.verbose_name) if model else "",
        "field_label": _label(fields[0]) if fields else "",
        "field_labels": get_text_list(list(map(_label, fields)), _("and")),
    }
    match report, fields:
        case errors.NotNullViolation(), [field]:
            return str(field.error_messages["null"]), "null"
        case errors.ForeignKeyViolation() | errors.RestrictViolation(), [_field]:
            return _("The %(field_label)s of every %(model_name)s must exist.") % names, "missing"
        case errors.UniqueViolation(), [field] if not _speaks_for_itself(declared):
            return str(field.error_messages["unique"]) % names, "unique"
        case errors.UniqueViolation(), [_first, *_others] if not _speaks_for_itself(declared):
            sentence = _("%(model_name)s with this %(field_labels)s already exists.")
            return sentence % names, "unique_together"
    if declared is not None:
        code = declared.violation_error_code or str(report.sqlstate)
        return str(declared.get_violation_error_message()), code
    return _raised(report), str(report.sqlstate)


def _speaks_for_itself(declared: BaseConstraint | None) -> bool:
    """Return whether validation would give the constraint's own message, not that of its fields."""
    if declared is None:
        return False
    if isinstance(declared, UniqueConstraint) and (declared.condition or declared.expressions):
        return True
    return declared.violation_error_message != declared.default_violation_error_message


def _raised(report: psycopg.Error) -> str:
    """Return the server's message with the name of the rule; it is in the server's language."""
    said = {"rule": report.diag.constraint_name, "message": report.diag.message_primary}
    if said["rule"]:
        sentence = _("Refused by the rule “%(rule)s”: %(message)s.") % said
    else:
        sentence = _("Refused by the database: %(message)s.") % said
    return " ".join(filter(None, [sentence, report.diag.message_hint]))


def _label(field: Any) -> str:
    return str(capfirst(field.verbose_name))
