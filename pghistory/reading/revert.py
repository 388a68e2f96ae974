"""Restore a row from an event; the changes are planned before they are written.

All columns of a row are restored as they were: also fields that set themselves (``auto_now``), and
the rows of parents (multi-table inheritance).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import models, router, transaction

from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INSERT = "insert"
UPDATE = "update"
NOTHING = "nothing"

# https://docs.djangoproject.com/en/stable/topics/db/queries/#storing-and-querying-for-none
JSON_NULL = models.Value(None, models.JSONField())
_KIND: Any = {"function": "pg_catalog.jsonb_typeof", "output_field": models.TextField()}


@dataclass(frozen=True)
class Change:
    """A field that would change."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Problem:
    """The reason why a field cannot be restored; ``field`` is empty if there are several."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


@dataclass(frozen=True)
class Plan:
    """The effect of a revert: ``action`` is "insert", "update" or "nothing"."""

    event: Any
    action: str
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_possible(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        model = self.event.pgh_tracked_model._meta.label
        lines = [f"{self.action} {model} {_key(self.event)}"]
        lines += [f"  {each.field}: {each.before!r} -> {each.after!r}" for each in self.changes]
        lines += [f"  cannot restore {problem}" for problem in self.problems]
        return "\n".join(lines)


class CannotRevert(RuntimeError):
    """The row cannot be restored; ``plan`` has the fields that prevent it, and the reasons."""

    def __init__(self, plan: Plan):
        super().__init__(
            f"Cannot revert to {plan.event._meta.label} {plan.event.pk}. "
            + " ".join(f"{problem}." for problem in plan.problems)
        )
        self.plan = plan


def plan(event: Any, *, using: str | None = None, masked: Mapping[str, Any] | None = None) -> Plan:
    """Return the changes that give the row the values of the event.

    A masked field of a row that exists stays as it is. In a row that is inserted again it gets its
    value from ``masked``, or else its default or NULL.
    """
    missing = missing_fields(type(event))
    reason = f"{type(event)._meta.label} does not hold it"
    if not missing:
        missing, reason = _unknown(event), "the event is older than its column"
    if missing:
        return Plan(event, NOTHING, problems=[Problem(name, reason) for name in missing])
    alias = using or router.db_for_write(event.pgh_tracked_model, instance=event)
    row = live(event, alias).first()
    before, after = _written(row, event) if row else {}, _written(event, event)
    unknown, values = _of_masked(event, masked or {}) if row is None else ([], {})
    after |= values
    changes = [
        Change(name, before.get(name), value)
        for name, value in after.items()
        if row is None or before[name] != value
    ]
    action = INSERT if row is None else UPDATE if changes else NOTHING
    return Plan(event, action, changes, [*unknown, *_problems(event, changes, alias, row)])


def revert(event: Any, *, using: str | None = None, masked: Mapping[str, Any] | None = None) -> Any:
    """Carry out the plan, under a lock on the row, and return the object."""
    model = event.pgh_tracked_model
    alias = using or router.db_for_write(model, instance=event)
    with transaction.atomic(using=alias):
        list(live(event, alias).select_for_update().values_list("pk"))
        made = plan(event, using=alias, masked=masked)
        if made.problems:
            raise CannotRevert(made)
        if made.action == INSERT:
            _insert(event, {each.field: each.after for each in made.changes}, alias)
        elif made.changes:
            live(event, alias).update(**{each.field: _value(event, each) for each in made.changes})
        return live(event, alias).get()


def instance(event: Any) -> Any:
    """The tracked object as the event holds it, not saved."""
    model = event.pgh_tracked_model
    names = set(event.pgh_tracked_fields())
    values = {
        each.attname: getattr(event, each.attname)
        for each in inheritance.all_columns(model)
        if each.name in names
    }
    generated = [each.attname for each in inheritance.all_columns(model) if _generated(each)]
    made = model(**{name: value for name, value in values.items() if name not in generated})
    for name in generated:
        made.__dict__[name] = values[name]
    for each in _masked(event):
        made.__dict__[each.attname] = None
    return made


def missing_fields(event_model: Any) -> list[str]:
    """The fields of the tracked model that its events leave out; masked ones are not."""
    held = {*event_model.pgh_tracked_fields(), *event_model.pgh_masked_fields}
    every = inheritance.all_columns(event_model.pgh_tracked_model)
    return [each.name for each in every if each.name not in held]


def _masked(event: Any) -> list[Any]:
    model = event.pgh_tracked_model
    return [each for each in inheritance.all_columns(model) if each.name in event.pgh_masked_fields]


def _of_masked(event: Any, given: Mapping[str, Any]) -> tuple[list[Problem], dict[str, Any]]:
    """The values of masked fields in a row that is inserted again, and those that are not known."""
    problems, values = [], {}
    for each in _masked(event):
        if _generated(each):
            continue
        if each.name in given:
            values[each.name] = given[each.name]
        elif each.has_default() or each.null:
            values[each.name] = each.get_default()
        else:
            reason = "it is masked, so that no event holds its value: give it in masked={...}"
            problems.append(Problem(each.name, reason))
    return problems, values


def _unknown(event: Any) -> list[str]:
    """The keys of parents that the event does not know: its table had no columns for them."""
    model = event.pgh_tracked_model
    keys = [parent._meta.pk for parent in inheritance.tables(model)[1:]]
    return [key.name for key in keys if getattr(event, key.attname, 0) is None]


def _problems(event: Any, changes: list[Change], alias: str, row: Any) -> Iterator[Problem]:
    if not changes:
        return
    restored = instance(event)
    for each in _masked(event):
        given = {change.field: change.after for change in changes}
        value = given.get(each.name) if row is None else getattr(row, each.attname)
        restored.__dict__[each.attname] = value
    # Not adding, so that a row with the same key, such as the parent's, is not in the way.
    restored._state.adding, restored._state.db = False, alias
    changed = {change.field for change in changes}
    for each in _settable(event.pgh_tracked_model):
        if each.is_relation and each.name in changed and not _is_there(restored, each, alias):
            label, value = each.related_model._meta.label, getattr(restored, each.attname)
            yield Problem(each.name, f"there is no {label} {value} any more")
    for model, constraint in _constraints(event.pgh_tracked_model):
        try:
            constraint.validate(model, restored, using=alias)
        except ValidationError as error:
            fields: tuple[str, ...] = getattr(constraint, "fields", ())
            about = fields[0] if len(fields) == 1 else ""
            yield from (Problem(about, str(each).rstrip(".")) for each in error.messages)


def _is_there(restored: Any, relation: Any, alias: str) -> bool:
    """Return whether the row that a relation points to exists, or will with the row itself."""
    value = getattr(restored, relation.attname)
    if value is None or relation.remote_field.parent_link or not relation.db_constraint:
        return True
    far = relation.target_field.attname
    related = inheritance.concrete(relation.related_model)
    if related in inheritance.tables(type(restored)) and getattr(restored, far) == value:
        return True
    return bool(related._base_manager.using(alias).filter(**{far: value}).exists())


def _constraints(model: Any) -> Iterator[tuple[Any, models.BaseConstraint]]:
    """Yield each constraint that the row must satisfy, with the model that declares it.

    Unique fields are included, because Django's check looks in the default database only.
    """
    for table in inheritance.tables(model):
        options = table._meta
        unique = [
            (each.name,)
            for each in options.local_concrete_fields
            if each.unique and not each.primary_key
        ]
        for names in [*unique, *options.unique_together]:
            yield table, models.UniqueConstraint(fields=names, name="_".join(names))
        yield from ((table, constraint) for constraint in options.constraints)


def _insert(event: Any, values: dict[str, Any], alias: str) -> None:
    """Insert the row as it is, and its parents' rows if they are gone too."""
    model = event.pgh_tracked_model
    for table in reversed(inheritance.tables(model)):
        own = [each for each in _settable(model) if inheritance.owner(each) is table]
        row = {each.attname: values[each.name] for each in own}
        key = row[table._meta.pk.attname] if table._meta.pk in own else _key(event)
        there = table._base_manager.using(alias).filter(pk=key)
        if there.exists():
            left = {table._meta.pk.attname, *(each.attname for each in _masked(event))}
            there.update(**{name: row[name] for name in row if name not in left})
        else:
            # raw, as for fixtures: neither auto_now nor parents are looked at.
            table(**row).save_base(raw=True, using=alias, force_insert=True)


def live(event: Any, alias: str) -> Any:
    """Return the queryset of the row that the event holds."""
    model = inheritance.concrete(event.pgh_tracked_model)
    return model._base_manager.using(alias).filter(pk=_key(event))


def _key(event: Any) -> Any:
    """The key of the row that the event holds: an update may have changed its object's."""
    held = set(event.pgh_tracked_fields())
    options = inheritance.concrete(event.pgh_tracked_model)._meta
    parts = inheritance.composite_key(event.pgh_tracked_model)
    if parts:
        return tuple(getattr(event, part.attname) for part in parts)
    return getattr(event, options.pk.attname) if options.pk.name in held else event.pgh_obj_id


def _settable(model: Any) -> list[Any]:
    return [each for each in inheritance.all_columns(model) if not _generated(each)]


def _written(state: Any, event: Any) -> dict[str, Any]:
    """Return the value of each field to write, from the row or from the event.

    Python has one None, the database two: NULL and the null of JSON.
    """
    masked = event.pgh_masked_fields
    fields = [each for each in _settable(event.pgh_tracked_model) if each.name not in masked]
    values = {each.name: getattr(state, each.attname) for each in fields}
    unclear = [
        each.name
        for each in fields
        if isinstance(each, models.JSONField) and values[each.name] is None
    ]
    if unclear:
        same = type(state)._base_manager.using(state._state.db).filter(pk=state.pk)
        kinds = same.values_list(*(models.Func(name, **_KIND) for name in unclear)).first()
        null = [name for name, kind in zip(unclear, kinds or (), strict=bool(kinds)) if kind]
        values |= dict.fromkeys(null, JSON_NULL)
    return values


def _value(event: Any, change: Change) -> Any:
    field = event.pgh_tracked_model._meta.get_field(change.field)
    if change.after is None or change.after is JSON_NULL:
        return change.after
    # Return the text of an expression, because update() would run the expression.
    return models.Value(change.after, output_field=field)


def _generated(each: Any) -> bool:
    return bool(getattr(each, "generated", False))
