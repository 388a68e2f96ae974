"""Events of one write as one entry, and the writes of one transaction as one group.

A write may have several events, each with its label. They are about one object, of one transaction
and one operation, and contain the same values. Events from before transactions were recorded are
not grouped.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps

import pgtrigger
from pghistory.admin.presenting import held
from pghistory.reading import labels
from pghistory.vocabulary import inheritance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pghistory.admin.presenting import Shown

CREATED, CHANGED, DELETED, HELD = "created", "changed", "deleted", "held"
# About a row of a relation, in the timeline of its object: see ``track(with_=[...])``.
ADDED, REMOVED = "added", "removed"


@dataclass(frozen=True)
class Write:
    """Some events as one entry; ``kind`` is one of the constants above.

    ``transaction`` is its id and start, None if it was not recorded.
    """

    shown: Shown
    labels: list[str]
    kind: str
    transaction: tuple[Any, Any] | None = None


@dataclass(frozen=True)
class Group:
    """Writes of one transaction and one context that follow one another."""

    writes: list[Write]

    @property
    def shown(self) -> Shown:
        """The event of the first write; its author and context are those of the group."""
        return self.writes[0].shown

    @property
    def transaction(self) -> tuple[Any, Any] | None:
        return self.writes[0].transaction


def by_transaction(writes: Iterable[Write]) -> list[Group]:
    """Group writes, which are in the order of their times."""

    def key(numbered: tuple[int, Write]) -> tuple[Any, ...]:
        number, write = numbered
        return (write.transaction or number, write.shown.event.pgh_context_id, write.shown.author)

    return [
        Group([write for _, write in group])
        for _, group in itertools.groupby(enumerate(writes), key)
    ]


def of(events: Sequence[Shown]) -> list[Write]:
    """Group events, which are in the order of their times."""
    transactions = _transactions(events)
    groups: list[list[Shown]] = []
    for shown in events:
        last = groups[-1] if groups else []
        if last and _is_same_write(last, shown, transactions):
            last.append(shown)
        else:
            groups.append([shown])
    return [_write(group, transactions) for group in groups]


def _is_same_write(
    group: list[Shown], shown: Shown, transactions: dict[str, tuple[Any, Any]]
) -> bool:
    first = group[0].event
    event = shown.event
    transaction = transactions.get(event.pgh_slug, (None, None))
    return (
        transaction[0] is not None
        and transaction == transactions.get(first.pgh_slug)
        and (first.pgh_model, first.pgh_obj_id) == (event.pgh_model, event.pgh_obj_id)
        and first.pgh_data == event.pgh_data
        and bool(set.intersection(*(_operations(each.event) for each in (*group, shown))))
        and event.pgh_label not in [each.event.pgh_label for each in group]
    )


def _transactions(events: Iterable[Shown]) -> dict[str, tuple[Any, Any]]:
    """The transaction of each event, by ``pgh_slug``."""
    by_model: dict[str, list[Any]] = {}
    for shown in events:
        by_model.setdefault(shown.event.pgh_model, []).append(shown.event)
    found = {}
    for label, of_model in by_model.items():
        event_model = apps.get_model(label)
        if "pgh_xact" not in {field.name for field in event_model._meta.local_fields}:
            continue
        rows = event_model._base_manager.using(of_model[0]._state.db)
        rows = rows.filter(pk__in=[event.pgh_id for event in of_model])
        for key, *transaction in rows.values_list("pk", "pgh_xact", "pgh_xact_at"):
            found[f"{label}:{key}"] = tuple(transaction)
    return found


def _write(group: list[Shown], transactions: dict[str, tuple[Any, Any]]) -> Write:
    changed = [shown for shown in group if shown.changes]
    operations = [_operations(shown.event) for shown in group]
    if is_related(group[0].event):
        [(_name, before, _after)] = group[0].changes
        kind = ADDED if before is None else REMOVED
    elif {pgtrigger.Insert} in operations:
        kind = CREATED
    elif {pgtrigger.Delete} in operations:
        kind = DELETED
    elif changed:
        kind = CHANGED
    else:
        kind = HELD
    found = transactions.get(group[0].event.pgh_slug, (None, None))
    labels = [shown.event.pgh_label for shown in group]
    return Write((changed or group)[0], labels, kind, found if found[0] is not None else None)


def is_related(event: Any) -> bool:
    """Return whether the event is about a row of a relation, in the timeline of its object."""
    event_model: Any = apps.get_model(event.pgh_model)
    if event_model.pgh_tracked_model._meta.label != event.pgh_obj_model:
        return True
    # A relation of a model to itself: the event holds another row's key.
    key = inheritance.concrete(event_model.pgh_tracked_model)._meta.pk
    column: Any = getattr(key, "column", None)
    found = held(event).get(column)
    return bool(event_model.pgh_with) and found is not None and str(found) != event.pgh_obj_id


def _operations(event: Any) -> set[pgtrigger.Operation]:
    return labels.operations(apps.get_model(event.pgh_model), event.pgh_label)
