"""Events of one write as one entry: a write may give several events, a label each.

Such events are about one object, of one transaction, and hold the same values. Events from before
transactions were recorded stay by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps

import pgtrigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pghistory.admin.presenting import Shown

CREATED, CHANGED, DELETED, HELD = "created", "changed", "deleted", "held"


@dataclass(frozen=True)
class Write:
    """Some events as one entry; ``kind`` is CREATED, CHANGED, DELETED or HELD."""

    shown: Shown
    labels: list[str]
    kind: str


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
    return [_write(group) for group in groups]


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


def _write(group: list[Shown]) -> Write:
    changed = [shown for shown in group if shown.changes]
    operations = [_operations(shown.event) for shown in group]
    if {pgtrigger.Insert} in operations:
        kind = CREATED
    elif {pgtrigger.Delete} in operations:
        kind = DELETED
    elif changed:
        kind = CHANGED
    else:
        kind = HELD
    return Write((changed or group)[0], [shown.event.pgh_label for shown in group], kind)


def _operations(event: Any) -> set[Any]:
    event_model: Any = apps.get_model(event.pgh_model)
    return {
        operation
        for tracker in event_model.pgh_trackers
        if tracker.label == event.pgh_label
        for row_event in tracker.row_events()
        for operation in row_event.operations
    }
