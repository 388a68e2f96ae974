"""``SoftDelete``: sets a field where a row would be deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from django.db import models, router, transaction
from psycopg import sql

from pgtrigger.sql.function_body import PATH_VARIABLE, Body, Relation, within_path
from pgtrigger.triggers import registry
from pgtrigger.triggers.trigger import Trigger
from pgtrigger.vocabulary import clauses
from pgtrigger.vocabulary.columns import (
    OLD,
    ROW_VARIABLES,
    column_identifier,
    equals,
    key_fields,
    own_field,
)
from pgtrigger.vocabulary.row_query import RowQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Field, Model

    from pgtrigger.triggers.declaration import Options


UNSET: Any = object()


class SoftDelete(Trigger):
    """Set ``field`` to ``value`` instead of deleting a row.

    ``value`` is any value of the field, or an expression such as ``Now()``. It may be omitted for a
    DateTimeField with ``null=True``, which gets the time of the transaction, so that ``undelete()``
    finds the rows that were deleted together. A row that has a time already keeps it.
    """

    when = clauses.Before
    operation = clauses.Delete
    fixed = {
        "operation": "it sets its field where a row would be deleted",
        "level": "it sets its field where a row would be deleted",
        "when": "after the DELETE there is no row to keep",
        "timing": "after the DELETE there is no row to keep",
        "referencing": "after the DELETE there is no row to keep",
        "writes": "an object that was deleted is not read again",
    }
    field: str | None = None
    value: Any = False

    def __init__(self, *, field: str | None = None, value: Any = UNSET, **options: Unpack[Options]):
        self._set(field=field)
        if value is not UNSET:
            self.value = value
        super().__init__(**options)
        if not self.field:
            self._reject('has no "field"')

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        field = own_field(model, str(self.field))
        is_new: list[Any] = []
        if self.has_time(model):
            is_new = [" AND ", column_identifier(field), " IS NULL"]
        same_row: list[Any] = []
        for key in key_fields(model):
            same_row += [" AND "] if same_row else []
            same_row += [column_identifier(key), " ", equals(key), " "]
            same_row += [ROW_VARIABLES.column(OLD, key)]
        value: sql.Composable = sql.SQL(self._value(model))
        compute = Body()
        if self._is_computed(model):
            old = ROW_VARIABLES.column(OLD, field)
            # Names in what Django compiles cannot be qualified: see Note [Names in functions].
            computed = sql.SQL("{} := {};\n").format(old, value)
            value, compute = old, within_path(("pg_catalog", "pg_temp"), computed)
        return Body(
            compute,
            "UPDATE ",
            Relation(model._meta.db_table),
            sql.SQL(" SET {} = {} WHERE ").format(column_identifier(field), value),
            *same_row,
            *is_new,
            ";\nRETURN NULL;",
        )

    def describe(self, model: type[Model]) -> str:
        value = "the time" if self.has_time(model) else repr(self.value)
        return f"Sets {self.field} to {value} where a row would be deleted, and keeps the row."

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        declared = super().get_declare(model)
        is_computed = model is not None and self.func is None and self._is_computed(model)
        return [*declared, PATH_VARIABLE] if is_computed else declared

    def _is_computed(self, model: type[Model]) -> bool:
        """Return whether PostgreSQL looks up a name in the value, such as a function or a type."""
        is_expression = hasattr(self.value, "resolve_expression")
        if not is_expression or isinstance(self.value, models.Value):
            return "::" in self._value(model)
        query = RowQuery(model, ROW_VARIABLES)
        query.value(self.value, own_field(model, str(self.field)))
        return not query.is_raw

    def has_time(self, model: type[Model]) -> bool:
        """Return whether the field holds the time of the deletion, and NULL before it."""
        field = own_field(model, str(self.field))
        is_time = isinstance(field, models.DateTimeField)
        if is_time and not field.null:
            self._reject(
                f"{model._meta.label}.{field.name} is the time of a deletion, so it needs null=True"
            )
        return is_time

    def deleted(self, model: type[Model]) -> models.Q:
        """Return a condition that is true of rows that are deleted."""
        if self.has_time(model):
            return models.Q((f"{self.field}__isnull", False))
        return models.Q((str(self.field), self.value))

    def _value(self, model: type[Model]) -> str:
        if self.has_time(model) and self.value is False:
            return "pg_catalog.now()"
        field = own_field(model, str(self.field))
        if not hasattr(self.value, "resolve_expression"):
            self._validate_mark(model, field)
        return RowQuery(model, ROW_VARIABLES).value(self.value, field)

    def _validate_mark(self, model: type[Model], field: Field[Any, Any]) -> None:
        named = f"{model._meta.label}.{field.name} is a {type(field).__name__}"
        if self.value is False and not isinstance(field, models.BooleanField):
            self._reject(f'{named}: give the "value" that marks a row as deleted')
        if self.value is None and not field.null:
            self._reject(f'{named} without null=True, so its "value" cannot be None')
        self._validate_value(field, self.value)


def rule_of(model: type[Model]) -> SoftDelete | None:
    """Return the rule that marks rows of the model instead of deleting them, or None."""
    declared = registry.of_model(model._meta.concrete_model or model)
    return next((found for found in declared if isinstance(found, SoftDelete)), None)


def undelete(obj: Model, *, using: str | None = None) -> dict[str, int]:
    """Restore a soft-deleted row, and the rows that were deleted together with it.

    Those are the rows of models with a SoftDelete rule that refer to it, directly or through each
    other, by a foreign key with CASCADE, and have the same deletion time. Without a time, only the
    row itself is restored.

    Args:
        obj: the row as it is stored now. Its field is changed.
        using: the database, by default the one that the object is from.

    Returns:
        The number of restored rows by the label of their model.

    Raises:
        LookupError: the model has no SoftDelete rule.
        ValueError: the row is not deleted.
    """
    model = type(obj)
    rule = rule_of(model)
    if rule is None:
        raise LookupError(f"{model._meta.label} has no SoftDelete rule.")
    alias = using or obj._state.db or router.db_for_write(model, instance=obj)
    rows = model._base_manager.using(alias).filter(rule.deleted(model), pk=obj.pk)
    restored: dict[str, int] = {}
    with transaction.atomic(using=alias):
        stored = rows.values_list(str(rule.field), flat=True).first()
        if not rows.exists():
            raise ValueError(f"{model._meta.label} {obj.pk} is not deleted, or not there.")
        time = stored if rule.has_time(model) else None
        _restore(model, rule, [obj.pk], time, alias, restored)
    setattr(obj, str(rule.field), _default(model, rule))
    return restored


def _restore(
    model: type[Model],
    rule: SoftDelete,
    keys: list[Any],
    time: Any,
    using: str,
    restored: dict[str, int],
) -> None:
    rows = model._base_manager.using(using).filter(pk__in=keys)
    number = rows.update(**{str(rule.field): _default(model, rule)})
    restored[model._meta.label] = restored.get(model._meta.label, 0) + number
    if time is None:
        return
    for relation in model._meta.related_objects:
        other: Any = relation.related_model
        other_rule = rule_of(other)
        is_cascade = getattr(relation, "on_delete", None) is models.CASCADE
        if other_rule is None or not is_cascade or not other_rule.has_time(other):
            continue
        referring = other._base_manager.using(using).filter(
            **{f"{relation.field.name}__in": keys, str(other_rule.field): time}
        )
        found = list(referring.values_list("pk", flat=True))
        if found:
            _restore(other, other_rule, found, time, using, restored)


def _default(model: type[Model], rule: SoftDelete) -> Any:
    return own_field(model, str(rule.field)).get_default()
