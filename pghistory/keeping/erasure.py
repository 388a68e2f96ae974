"""``erase()``: remove the values of one person or object from events and contexts.

Live rows are not changed, and neither are the events of other objects, except for named fields. The
next run continues an interrupted one: values that are already erased are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Q
from django.db.models.expressions import Func
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from pghistory.keeping import backfill, ownership, runs, selection
from pghistory.tracking import event_models
from pghistory.utils import JSONField
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EMPTY_TEXT = (models.CharField, models.TextField, models.FileField)


@dataclass(frozen=True)
class Receipt:
    """The names and numbers of what was erased, or would be, without the erased values.

    ``events`` and ``contexts`` are numbers of rows by the label of their model; ``references`` are
    the events of other objects that refer to this one by its key, which stays.
    """

    object: str
    fields: list[str]
    metadata: list[str]
    dry_run: bool
    events: dict[str, int] = field(default_factory=dict)
    contexts: dict[str, int] = field(default_factory=dict)
    references: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        word = "would be erased" if self.dry_run else "erased"
        counts = {**self.events, **self.contexts}
        lines = [f"{label}: {count} {word}" for label, count in counts.items()]
        for label, count in self.references.items():
            lines.append(f"{label}: {count} refer to {self.object}")
        return "\n".join(lines)


@dataclass(frozen=True)
class _Emptying:
    """An update of some rows of one table, except those that have the new values already."""

    model: Any
    chosen: Q
    values: dict[str, Any]
    annotations: dict[str, Any]

    def rows(self, using: str) -> Any:
        rows = self.model._base_manager.using(using).annotate(**self.annotations)
        return rows.filter(self.chosen).order_by("pk")

    def run(self, run: runs.Run, batch: int) -> int:
        changed, last = 0, None
        while keys := runs.persist(partial(self._change, run, batch, last)):
            changed, last = changed + len(keys), keys[-1]
        return changed

    def _change(self, run: runs.Run, batch: int, last: Any) -> list[Any]:
        """Change the rows of one batch, those after ``last``, and return their keys."""
        with (
            run.batch(),
            ownership.as_owner(self.model, run.using),
            ownership.rules_set_aside(self.model, run.using),
        ):
            after = {} if last is None else {"pk__gt": last}
            rows = self.rows(run.using).filter(**after)
            keys = list(rows.values_list("pk", flat=True)[:batch])
            if keys:
                chosen = self.model._base_manager.using(run.using).filter(pk__in=keys)
                chosen.update(**self.values)
                run.add(len(keys))
        return keys


def erase(
    obj: models.Model,
    fields: Iterable[str] | Mapping[str, Any],
    *,
    contexts: Mapping[str, Any] | None = None,
    metadata: Iterable[str] = ("url",),
    dry_run: bool = False,
    using: str | None = None,
    batch: int = 10_000,
) -> Receipt:
    """Erase the values of an object from events and contexts, and return a receipt.

    Args:
        obj: The object. Only its key is used. ``delete()`` takes the key from the object, so pass
            ``Customer(pk=17)`` for one that has been deleted.
        fields: The fields to erase in its events, such as ``email``, and in the events of other
            objects that refer to it, such as ``shop.Order.email``. A field becomes NULL, or the
            empty text if it cannot be NULL. A mapping gives other values.
        contexts: Metadata keys and values of the contexts in which the person made changes, such
            as ``{"user": 17}``, the default if the object is a user. These keys are erased there.
        metadata: Metadata keys that are erased in those contexts too, and in the contexts of the
            object's own events.
        dry_run: Count, and change nothing.
        using: The database, by default that of the object.
        batch: The number of rows in one transaction.

    Raises:
        ValueError: The object has no key. A field is not tracked, says which object an event is
            about, or cannot be empty.
        NotOwner: The connection's role does not own the event tables.
    """
    if obj.pk is None or (isinstance(obj.pk, tuple) and None in obj.pk):
        raise ValueError(
            f"The {obj._meta.verbose_name} has no key, as after delete(). "
            f"Pass {obj._meta.object_name}(pk=...) with the key that it had."
        )
    alias = using or obj._state.db or DEFAULT_DB_ALIAS
    values = dict(fields) if isinstance(fields, Mapping) else dict.fromkeys(fields, ...)
    acted_as = _default_contexts(obj) if contexts is None else dict(contexts)
    keys = list(metadata)
    receipt = Receipt(
        f"{obj._meta.label} {obj.pk}",
        list(values),
        list(dict.fromkeys([*acted_as, *keys])),
        dry_run,
    )
    tables = selection.on_database(event_models.all_event_models(), alias)
    steps = [
        *((receipt.contexts, each) for each in _in_contexts(obj, tables, acted_as, keys)),
        *((receipt.events, each) for each in _in_events(obj, tables, values)),
    ]
    for counts, step in steps:
        label = step.model._meta.label
        if dry_run:
            count = step.rows(alias).count()
        else:
            run = runs.Run(runs.ERASE, step.model, alias, object=receipt.object)
            count = step.run(run, batch)
            run.finish(fields=receipt.fields, metadata=receipt.metadata)
        if count:
            counts[label] = counts.get(label, 0) + count
    for event_model, refers in _references(obj, tables):
        count = event_model._base_manager.using(alias).filter(refers).count()
        if count:
            receipt.references[event_model._meta.label] = count
    return receipt


def _default_contexts(obj: models.Model) -> dict[str, Any]:
    is_user = isinstance(obj, apps.get_model(settings.AUTH_USER_MODEL))
    return {"user": obj.pk} if is_user else {}


def _in_events(obj: Any, tables: list[Any], values: dict[str, Any]) -> Iterator[_Emptying]:
    """The steps of the events: the object's own, and those of others that refer to it."""
    unknown = set(values)
    chosen = [(each, "", _is_about(each, obj)) for each in tables if _is_of(each, obj)]
    for event_model, refers in _references(obj, tables):
        chosen.append((event_model, f"{event_model.pgh_tracked_model._meta.label}.", refers))
    steps = []
    for event_model, prefix, condition in chosen:
        held = {f"{prefix}{name}": name for name in event_model.pgh_tracked_fields()}
        unknown -= set(held)
        erased = {
            held[name]: _erased(event_model, held[name], value)
            for name, value in values.items()
            if name in held
        }
        if erased:
            left = Q(*(_differs(*item) for item in erased.items()), _connector=Q.OR)
            steps.append(_Emptying(event_model, condition & left, erased, {}))
    if unknown:
        raise ValueError(
            f"{', '.join(sorted(unknown))}: not a field that the events of {obj._meta.label} hold. "
            "A field of events that refer to it is named with its model, such as shop.Order.email."
        )
    yield from steps


def _erased(event_model: Any, name: str, value: Any) -> Any:
    """Return the replacement of a field's value: the given value, NULL, or an empty value."""
    column = event_model._meta.get_field(name)
    tracked = inheritance.concrete(event_model.pgh_tracked_model)
    if name in [near.name for near, _ in backfill.identity(event_model, tracked)] or (
        name == tracked._meta.pk.name
    ):
        raise ValueError(f"{name} says which object an event is about, so it cannot be erased.")
    if value is not ...:
        return value
    if column.null:
        return None
    if isinstance(column, _EMPTY_TEXT):
        return ""
    if isinstance(column, models.JSONField):
        return {}
    raise ValueError(
        f"{event_model._meta.label}.{name} cannot be NULL or empty: say what takes its place, with "
        f'fields={{"{name}": ...}}.'
    )


def _differs(name: str, value: Any) -> Q:
    if value is None:
        return Q(**{f"{name}__isnull": False})
    return ~Q(**{name: value}) | Q(**{f"{name}__isnull": True})


def _is_of(event_model: Any, obj: Any) -> bool:
    tracked = inheritance.concrete(event_model.pgh_tracked_model)
    return tracked in inheritance.tables(type(obj)) and bool(
        backfill.identity(event_model, tracked)
    )


def _is_about(event_model: Any, obj: Any) -> Q:
    tracked = inheritance.concrete(event_model.pgh_tracked_model)
    return _equals(backfill.identity(event_model, tracked), obj)


def _equals(pairs: Iterable[tuple[Any, Any]], obj: Any) -> Q:
    return Q(**{near.attname: getattr(obj, far.attname) for near, far in pairs})


def _references(obj: Any, tables: list[Any]) -> Iterator[tuple[Any, Q]]:
    """Each event model whose events refer to the object with a tracked field."""
    own = inheritance.tables(type(obj))
    for event_model in tables:
        found = [
            _equals(column.related_fields, obj)
            for column in event_model._meta.local_fields
            if column.name in event_model.pgh_tracked_fields()
            and column.is_relation
            and inheritance.concrete(column.related_model) in own
            and not _is_key(event_model, column)
        ]
        if found:
            yield event_model, Q(*found, _connector=Q.OR)


def _is_key(event_model: Any, column: Any) -> bool:
    """Return whether the column is the link of a child to its parent, and so the object's key."""
    key = inheritance.concrete(event_model.pgh_tracked_model)._meta.pk
    return bool(column.name == key.name)


def _in_contexts(
    obj: Any, tables: list[Any], acted_as: dict[str, Any], metadata: list[str]
) -> Iterator[_Emptying]:
    """The steps of the contexts, in their own table and in events that hold a copy."""
    own = [each for each in tables if _is_of(each, obj)]
    context = apps.get_model("pghistory.Context")
    for key in acted_as:
        yield from _acted(context, "metadata", key, acted_as, metadata)
    for event_model in tables:
        if isinstance(_context_field(event_model), JSONField):
            for key in acted_as:
                yield from _acted(event_model, "pgh_context", key, acted_as, metadata)
            if event_model in own:
                about = _is_about(event_model, obj)
                yield from _without(event_model, "pgh_context", about, metadata)
        elif event_model in own and _context_field(event_model) is not None:
            events = event_model._base_manager.filter(_is_about(event_model, obj))
            about = Q(pk__in=events.values("pgh_context_id"))
            yield from _without(context, "metadata", about, metadata)


def _acted(
    model: Any, column: str, key: str, acted_as: dict[str, Any], metadata: list[str]
) -> Iterator[_Emptying]:
    """Remove this and other keys from contexts in which a key has the person's value."""
    is_same = Q(pgh_erased_key=str(acted_as[key]))
    keys = [*acted_as, *metadata]
    annotations = {"pgh_erased_key": KeyTextTransform(key, column)}
    yield _Emptying(model, is_same, {column: _Without.of(column, keys)}, annotations)


def _without(model: Any, column: str, chosen: Q, keys: list[str]) -> Iterator[_Emptying]:
    if keys:
        has_one = Q(**{f"{column}__has_any_keys": keys})
        yield _Emptying(model, chosen & has_one, {column: _Without.of(column, keys)}, {})


class _Without(Func):
    """A JSON object without some keys.

    https://www.postgresql.org/docs/current/functions-json.html#FUNCTIONS-JSONB-OP-TABLE
    """

    template = "(%(expressions)s)"
    arg_joiner = " - "
    output_field = JSONField()

    @classmethod
    def of(cls, column: str, keys: list[str]) -> _Without:
        """Return the expression of a column without the keys."""
        return cls(column, *(Cast(models.Value(key), models.TextField()) for key in keys))


def _context_field(event_model: Any) -> Any:
    fields = {each.name: each for each in event_model._meta.local_fields}
    return fields.get("pgh_context")
