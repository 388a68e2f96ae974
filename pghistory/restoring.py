"""The way back: a row as an event holds it, planned before it is written.

A restored row is what it was to the last column, so fields that write themselves (``auto_now``)
are not asked, and parents' rows (multi-table inheritance) are restored with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, router, transaction

from pghistory import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterator

INSERT = "insert"
UPDATE = "update"
NOTHING = "nothing"


@dataclass(frozen=True)
class Change:
    """A field that would change."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Problem:
    """Why a field cannot be restored; ``field`` is empty where it is about several."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


@dataclass(frozen=True)
class Plan:
    """What a revert would do: ``action`` is "insert", "update" or "nothing"."""

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
    """The row cannot be restored; ``plan`` says which fields stand in the way, and why."""

    def __init__(self, plan: Plan):
        super().__init__(
            f"Cannot revert to {plan.event._meta.label} {plan.event.pk}. "
            + " ".join(f"{problem}." for problem in plan.problems)
        )
        self.plan = plan


def plan(event: Any, *, using: str | None = None) -> Plan:
    """What it takes to bring the row back to what the event holds."""
    missing = missing_fields(type(event))
    if missing:
        reason = f"{type(event)._meta.label} does not hold it"
        return Plan(event, NOTHING, problems=[Problem(name, reason) for name in missing])
    alias = using or router.db_for_write(event.pgh_tracked_model, instance=event)
    live = _live(event, alias).first()
    restored = instance(event)
    # Not adding, so that no row of its own key, such as its parent's, is in its way.
    restored._state.adding, restored._state.db = False, alias
    changes = [
        Change(each.name, getattr(live, each.attname, None), getattr(restored, each.attname))
        for each in _settable(event.pgh_tracked_model)
        if live is None or getattr(live, each.attname) != getattr(restored, each.attname)
    ]
    action = INSERT if live is None else UPDATE if changes else NOTHING
    problems = list(_problems(restored, {change.field for change in changes}, alias))
    return Plan(event, action, changes, problems)


def revert(event: Any, *, using: str | None = None) -> Any:
    """Carries the plan out, under a lock on the row, and gives the object."""
    model = event.pgh_tracked_model
    alias = using or router.db_for_write(model, instance=event)
    with transaction.atomic(using=alias):
        list(_live(event, alias).select_for_update().values_list("pk"))
        made = plan(event, using=alias)
        if made.problems:
            raise CannotRevert(made)
        if made.action == INSERT:
            _insert(instance(event), alias)
        elif made.changes:
            _live(event, alias).update(**{each.field: _value(event, each) for each in made.changes})
        return _live(event, alias).get()


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
    return made


def missing_fields(event_model: Any) -> list[str]:
    """The fields of the tracked model that its events do not hold."""
    held = set(event_model.pgh_tracked_fields())
    every = inheritance.all_columns(event_model.pgh_tracked_model)
    return [each.name for each in every if each.name not in held]


def _problems(restored: Any, changed: set[str], alias: str) -> Iterator[Problem]:
    for each in _settable(type(restored)):
        value = getattr(restored, each.attname)
        if not each.is_relation or each.remote_field.parent_link or each.name not in changed:
            continue
        if value is not None and each.db_constraint:
            related = each.related_model._base_manager.using(alias)
            if not related.filter(**{each.target_field.attname: value}).exists():
                yield Problem(
                    each.name, f"there is no {each.related_model._meta.label} {value} any more"
                )
    unchanged = {each.name for each in _settable(type(restored))} - changed
    try:
        restored.validate_unique(exclude=unchanged)
        restored.validate_constraints(exclude=unchanged)
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            about = "" if name == NON_FIELD_ERRORS else name
            yield from (Problem(about, str(message).rstrip(".")) for message in messages)


def _insert(restored: Any, alias: str) -> None:
    """Inserts the row, with its parents' where they are gone too, as it is."""
    for table in reversed(inheritance.tables(type(restored))):
        own = [each for each in _settable(table) if inheritance.owner(each) is table]
        row = {each.attname: getattr(restored, each.attname) for each in own}
        key = row[table._meta.pk.attname] if table._meta.pk in own else restored.pk
        there = table._base_manager.using(alias).filter(pk=key)
        if there.exists():
            there.update(**{name: row[name] for name in row if name != table._meta.pk.attname})
        else:
            # raw, as for fixtures: neither auto_now nor parents are looked at.
            table(**row).save_base(raw=True, using=alias, force_insert=True)


def _live(event: Any, alias: str) -> Any:
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


def _value(event: Any, change: Change) -> Any:
    field = event.pgh_tracked_model._meta.get_field(change.field)
    # The text of an expression is no expression: update() would run one.
    return models.Value(change.after, output_field=field) if change.after is not None else None


def _generated(each: Any) -> bool:
    return bool(getattr(each, "generated", False))
